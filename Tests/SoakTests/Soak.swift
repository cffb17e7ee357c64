import Logging
import NIOCore
import P2PCore
import P2PWire
import Synchronization

/// Four hosts use a fifth through 200 streams at a time: of any size, some read slowly, some reset by either side.
struct Soak {
    static let streams = 200
    static let clients = 4

    let duration: Duration
    /// Tells every choice of the run.
    var seed: UInt64 = 1

    /// What a run has done, and what it must not have.
    struct Tally: Sendable {
        var whole = 0
        var reset = 0
        var bytes = 0
        var failures: [String] = []
    }

    /// The tally that all streams write in.
    private final class Book: Sendable {
        let tally = Mutex(Tally())
    }

    struct Failed: Error, CustomStringConvertible {
        var description: String
    }

    /// - Throws: ``Failed`` when a checksum is wrong, a stream fails that nobody has reset, or something is left over.
    func run() async throws {
        var configuration = Self.configuration()
        configuration.listenAddresses = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        try await withHost(configuration) { server in
            SoakService.install(on: server)
            let peer = PeerInfo(id: server.peerID, addresses: server.listenAddresses)
            try await self.withClients(Self.clients) { clients in
                for client in clients { try await client.connect(to: peer) }
                try await self.load(clients, peer, server)
            }
        }
    }

    private func withClients(_ count: Int, _ hosts: [Host] = [], _ body: ([Host]) async throws -> Void) async throws {
        guard hosts.count < count else { return try await body(hosts) }
        try await withHost(Self.configuration()) { host in
            try await self.withClients(count, hosts + [host], body)
        }
    }

    static func configuration() -> Host.Configuration {
        var configuration = Host.Configuration(logger: Logger(label: "soak") { _ in SwiftLogNoOpLogHandler() })
        // On a busy machine a slow reader needs longer than ten seconds for the half of a window that renews its credit.
        configuration.timeouts.linger = .seconds(300)
        return configuration
    }

    private func load(_ clients: [Host], _ peer: PeerInfo, _ server: Host) async throws {
        let book = Book()
        let deadline = ContinuousClock.now + self.duration
        let samples = try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<Self.streams {
                let client = clients[number % clients.count]
                let seed = self.seed &* 1_000_003 &+ UInt64(number)
                group.addTask {
                    var random = SplitMix(seed: seed)
                    while ContinuousClock.now < deadline {
                        let exchange = Exchange(using: &random)
                        let outcome = await exchange.run(from: client, to: peer)
                        book.tally.withLock { $0.add(outcome, of: exchange) }
                    }
                }
            }
            let samples = await self.sampled(until: deadline)
            try await group.waitForAll()
            return samples
        }
        // The last resets are on their way.
        while ([server] + clients).contains(where: { $0.openStreams > 0 }) { try await pause(for: .milliseconds(2)) }
        try self.judge(book.tally.withLock { $0 }, samples, last: .now())
    }

    /// One sample in each twelfth of the run.
    private func sampled(until deadline: ContinuousClock.Instant) async -> [ProcessSample] {
        var samples: [ProcessSample] = []
        while ContinuousClock.now < deadline {
            try? await pause(for: self.duration / 12)
            samples.append(.now())
        }
        return samples
    }

    private func judge(_ tally: Tally, _ samples: [ProcessSample], last: ProcessSample) throws {
        report("soak: \(tally.whole) streams whole, \(tally.reset) reset, \(tally.bytes >> 20) MiB checked")
        for sample in samples { report("  \(sample.residentBytes >> 20) MiB, \(sample.descriptors) descriptors") }
        report("  at rest \(last.residentBytes >> 20) MiB, \(last.descriptors) descriptors")
        guard tally.failures.isEmpty else { throw Failed(description: tally.failures.joined(separator: "\n")) }
        guard tally.whole > 0, tally.reset > 0, samples.count >= 4 else {
            throw Failed(description: "the run was too short to tell anything")
        }
        let (warm, late) = (samples[samples.count / 3], samples.suffix(samples.count / 3))
        let growth = late.map(\.residentBytes).reduce(0, +) / late.count - warm.residentBytes
        // The allocator keeps what a burst of large streams took; a leak of a stream's window each second would exceed it.
        guard growth < 48 << 20 else { throw Failed(description: "memory grew by \(growth >> 20) MiB") }
        let descriptors = Set(samples.map(\.descriptors) + [last.descriptors])
        guard descriptors.count == 1 else { throw Failed(description: "descriptors changed: \(descriptors)") }
    }
}

extension Soak.Tally {
    mutating func add(_ outcome: Exchange.Outcome, of exchange: Exchange) {
        switch outcome {
        case .whole:
            self.whole += 1
            self.bytes += exchange.byteCount
        case .reset: self.reset += 1
        case .failed(let why): if self.failures.count < 10 { self.failures.append("\(exchange): \(why)") }
        }
    }
}
