import ArgumentParser
import Model
import P2PCore
import P2PWire
import Synchronization

struct BenchNetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "net",
        abstract: "Measure the way to a peer: round trip, and bytes a second in both directions.",
        discussion: """
            Bytes travel as all others do, through Noise and Yamux, on one stream of
            libp2p's /perf/1.0.0. Each direction ends after --seconds or --bytes,
            whichever comes first. A peer that runs "serve" gives 1 GiB and 20 seconds to
            a measurement, and 16 GiB an hour to everybody together.

            Examples:
              kwaai-swift bench net /ip4/10.0.0.2/tcp/4801
              kwaai-swift bench net 12D3KooW... --seconds 2 --json
            """
    )

    @Argument(help: ArgumentHelp(PeerReference.help, valueName: "peer"), transform: { try PeerReference($0) })
    var peer: PeerReference

    @Option(parsing: .unconditional, help: ArgumentHelp("How long to send, and to receive.", valueName: "seconds"))
    var seconds = 5.0

    @Option(help: ArgumentHelp("How much to send, and to receive, at most.", valueName: "size"))
    var bytes = ByteCount(bytes: 1 << 30)

    @OptionGroup var network: NetworkOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    /// Pings that are measured: enough for a 99th percentile on a fast network, soon over on a slow one.
    private static let pings = 100
    private static let pingTime = Duration.seconds(3)

    func run() async throws {
        guard self.seconds > 0, self.seconds <= 3_600 else {
            throw UsageError("--seconds \(self.seconds) measures nothing: give more than 0, at most 3600")
        }
        guard self.bytes.bytes > 0 else { throw UsageError("--bytes 0 measures nothing: give a size such as 100MiB") }
        let extent = PerfExtent(bytes: UInt64(self.bytes.bytes), duration: .seconds(self.seconds))
        let report = try await withInterruption {
            try await withPeer(self.peer, self.network) { host, peer in try await Self.measure(host, peer, extent) }
        }
        if self.json {
            try Terminal.print(json: report)
        } else {
            try Terminal.print(report.lines.joined(separator: "\n"))
        }
    }

    private static func measure(_ host: Host, _ peer: PeerInfo, _ extent: PerfExtent) async throws -> BenchNetReport {
        var roundTrips = RoundTrips()
        let start = ContinuousClock.now
        while roundTrips.sent < Self.pings, ContinuousClock.now - start < Self.pingTime {
            roundTrips.answered(after: try await host.ping(peer.id))
        }
        do throws(P2PError) {
            let sending = TransferLine("Sending  ", extent)
            let upload = try await Self.pinging(host, peer) { () async throws(P2PError) in
                try await host.measureUpload(to: peer, extent) { sending.update($0) }
            }
            sending.end()
            let receiving = TransferLine("Receiving", extent)
            let download = try await Self.pinging(host, peer) { () async throws(P2PError) in
                try await host.measureDownload(from: peer, extent) { receiving.update($0) }
            }
            receiving.end()
            return BenchNetReport(peer: peer, roundTrips: roundTrips, upload: upload, download: download)
        } catch {
            throw Self.explanation(of: error, peer, roundTrips)
        }
    }

    /// Pings a peer while `transfer` runs: how long small things wait behind big ones.
    private static func pinging(
        _ host: Host,
        _ peer: PeerInfo,
        during transfer: () async throws(P2PError) -> PerfMeasurement
    ) async throws(P2PError) -> LoadedMeasurement {
        let (result, roundTrips) = await withTaskGroup(of: RoundTrips.self) { group in
            group.addTask {
                var roundTrips = RoundTrips()
                while (try? await pause(for: Self.loadedPingInterval)) != nil {
                    // A ping that the end of the transfer cuts off is none.
                    guard let roundTrip = try? await host.ping(peer.id) else { continue }
                    roundTrips.answered(after: roundTrip)
                }
                return roundTrips
            }
            let result: Result<PerfMeasurement, P2PError>
            do throws(P2PError) { result = .success(try await transfer()) } catch { result = .failure(error) }
            group.cancelAll()
            return (result, await group.next() ?? RoundTrips())
        }
        return LoadedMeasurement(transfer: try result.get(), roundTrips: roundTrips)
    }

    private static let loadedPingInterval = Duration.milliseconds(20)

    /// What a person can make of a measurement that failed.
    private static func explanation(of error: P2PError, _ peer: PeerInfo, _ roundTrips: RoundTrips) -> P2PError {
        switch error.code {
        case .unsupportedProtocol:
            P2PError(
                error.code,
                "\(peer.id) answers pings in \(roundTrips.median?.text ?? "no time"), but lets nobody measure more: it does "
                    + "not serve /perf/1.0.0"
            )
        case .streamReset:
            P2PError(
                error.code,
                "\(peer.id) broke the measurement off: it gives a limited time and number of bytes to each, and may be "
                    + "measured by somebody else now; try again later, or with --bytes 100MiB"
            )
        default: error
        }
    }
}

/// A transfer, and the pings that were answered meanwhile.
private struct LoadedMeasurement {
    var transfer: PerfMeasurement
    var roundTrips: RoundTrips
}

/// Shows on stderr how far a transfer has come, by its bytes or its time, whichever is further.
private final class TransferLine: Sendable {
    private let line: Mutex<ProgressLine>
    private let extent: PerfExtent
    private let start = ContinuousClock.now

    init(_ label: String, _ extent: PerfExtent) {
        self.line = Mutex(ProgressLine(label, after: .milliseconds(300)))
        self.extent = extent
    }

    func update(_ bytes: UInt64) {
        let now = ContinuousClock.now
        let fraction = max(Double(bytes) / Double(self.extent.bytes), (now - self.start) / self.extent.duration)
        self.line.withLock { $0.update(min(fraction, 0.99), now: now) }
    }

    func end() { self.line.withLock { $0.end() } }
}

/// What `bench net` prints.
private struct BenchNetReport: Encodable {
    struct Transfer: Encodable {
        var bytes: UInt64
        var seconds: Double
        var bytesPerSecond: Double
        /// Of pings meanwhile.
        var roundTrip: RoundTripsReport

        enum CodingKeys: String, CodingKey {
            case bytes, seconds
            case bytesPerSecond = "bytes_per_second"
            case roundTrip = "round_trip"
        }

        init(_ measurement: LoadedMeasurement) {
            self.bytes = measurement.transfer.bytes
            self.seconds = measurement.transfer.duration / .seconds(1)
            self.bytesPerSecond = measurement.transfer.bytesPerSecond
            self.roundTrip = RoundTripsReport(measurement.roundTrips)
        }

        var text: String {
            let amount = "\(ByteCount(bytes: Int(clamping: self.bytes)))"
            return
                "\(rateText(bytesPerSecond: self.bytesPerSecond))  \(amount) in \(Duration.seconds(self.seconds).text)"
        }
    }

    var peer: String
    var addresses: [String]
    var roundTrip: RoundTripsReport
    var upload: Transfer
    var download: Transfer

    enum CodingKeys: String, CodingKey {
        case peer, addresses, upload, download
        case roundTrip = "round_trip"
    }

    init(peer: PeerInfo, roundTrips: RoundTrips, upload: LoadedMeasurement, download: LoadedMeasurement) {
        self.peer = "\(peer.id)"
        self.addresses = peer.addresses.map { "\($0)" }
        self.roundTrip = RoundTripsReport(roundTrips)
        self.upload = Transfer(upload)
        self.download = Transfer(download)
    }

    var lines: [String] {
        [
            "peer        \(self.peer) at \(self.addresses.joined(separator: ", "))",
            "round trip  \(self.roundTrip.line)",
            "upload      \(self.upload.text)",
            "  meanwhile \(self.upload.roundTrip.line)",
            "download    \(self.download.text)",
            "  meanwhile \(self.download.roundTrip.line)",
        ]
    }
}
