import P2PCore
import P2PWire
import Synchronization

/// Pings at a peer, and what came back so far: the sum is wanted also where the series is interrupted.
final class PingSeries: Sendable {
    private let count: Int?
    private let interval: Duration
    private let output: PingOutput
    /// Nil until the peer was found.
    private let roundTrips = Mutex<RoundTrips?>(nil)

    /// - Parameter count: nil for a series without end.
    init(count: Int?, interval: Duration, output: PingOutput) {
        self.count = count
        self.interval = interval
        self.output = output
    }

    var hasBegun: Bool { self.roundTrips.withLock { $0 != nil } }

    /// Pings until the count is reached or the task is cancelled.
    func run(_ host: Host, _ peer: PeerInfo) async throws {
        self.roundTrips.withLock { $0 = RoundTrips() }
        try self.output.begins(peer)
        var number = 0
        while self.count.map({ number < $0 }) ?? true {
            if number > 0 { try await Task.sleep(for: self.interval) }
            number += 1
            do {
                // The connection may be lost meanwhile, and the peer back.
                try await host.connect(to: peer, ignoringBackoff: true)
                let roundTrip = try await host.ping(peer.id)
                self.roundTrips.withLock { $0?.answered(after: roundTrip) }
                try self.output.answered(number, roundTrip)
            } catch let error as P2PError {
                if Task.isCancelled { throw error }
                self.roundTrips.withLock { $0?.missed() }
                try self.output.missed(number, error)
            }
        }
    }

    /// Prints the summary.
    ///
    /// - Parameter isInterrupted: Whether a terminal shows `^C` on the line where it would stand.
    /// - Returns: how many pings were answered.
    func finish(isInterrupted: Bool) throws -> Int {
        let roundTrips = self.roundTrips.withLock { $0 } ?? RoundTrips()
        try self.output.ends(roundTrips, isInterrupted: isInterrupted)
        return roundTrips.answered
    }
}

/// Says what `ping` finds: for people, or as JSON lines.
struct PingOutput: Sendable {
    var json: Bool

    private struct Event: Encodable {
        var event: String
        var peer: String?
        var addresses: [String]?
        var sequence: Int?
        var roundTrip: Double?
        var error: String?

        enum CodingKeys: String, CodingKey {
            case event, peer, addresses, sequence, error
            case roundTrip = "round_trip_ms"
        }
    }

    func begins(_ peer: PeerInfo) throws {
        let addresses = peer.addresses.map { "\($0)" }
        if self.json {
            try Terminal.print(json: Event(event: "ping", peer: "\(peer.id)", addresses: addresses))
        } else {
            try Terminal.print("Ping \(peer.id) at \(addresses.joined(separator: ", "))")
        }
    }

    func answered(_ number: Int, _ roundTrip: Duration) throws {
        if self.json {
            try Terminal.print(json: Event(event: "answer", sequence: number, roundTrip: roundTrip.milliseconds))
        } else {
            try Terminal.print("  \(number)  \(roundTrip.text)")
        }
    }

    func missed(_ number: Int, _ error: P2PError) throws {
        if self.json {
            try Terminal.print(json: Event(event: "no_answer", sequence: number, error: "\(error)"))
        } else {
            try Terminal.print("  \(number)  no answer: \(error)")
        }
    }

    func ends(_ roundTrips: RoundTrips, isInterrupted: Bool) throws {
        if self.json {
            try Terminal.print(json: RoundTripsReport(roundTrips, event: "summary"))
        } else {
            if isInterrupted, Terminal.showsOutput { try Terminal.print("") }
            try Terminal.print("\(roundTrips.sent) sent, \(roundTrips.answered) answered\(roundTrips.summary)")
        }
    }
}

/// The summary as JSON has it.
struct RoundTripsReport: Encodable {
    /// `summary` where it is one of several objects.
    var event: String?
    var sent: Int
    var answered: Int
    var shortest: Double?
    var median: Double?
    var p99: Double?
    var longest: Double?

    enum CodingKeys: String, CodingKey {
        case event, sent, answered
        case shortest = "min_ms"
        case median = "median_ms"
        case p99 = "p99_ms"
        case longest = "max_ms"
    }

    init(_ roundTrips: RoundTrips, event: String? = nil) {
        self.event = event
        self.sent = roundTrips.sent
        self.answered = roundTrips.answered
        self.shortest = roundTrips.shortest?.milliseconds
        self.median = roundTrips.median?.milliseconds
        self.p99 = roundTrips.quantile(0.99)?.milliseconds
        self.longest = roundTrips.longest?.milliseconds
    }
}

extension RoundTripsReport {
    /// The median first, and what it is the median of.
    var line: String {
        guard let median, let shortest, let p99, let longest else { return "no ping was answered" }
        let figures = [median, shortest, p99, longest].map { Duration.milliseconds($0).text }
        let count = self.answered == 1 ? "1 ping" : "\(self.answered) pings"
        return "\(figures[0])  (min \(figures[1]), p99 \(figures[2]), max \(figures[3]); \(count))"
    }
}

extension RoundTrips {
    /// Behind what was sent and answered; empty when nothing was.
    fileprivate var summary: String {
        guard let shortest, let median, let longest, let p99 = self.quantile(0.99) else { return "" }
        return "; min \(shortest.text), median \(median.text), p99 \(p99.text), max \(longest.text)"
    }
}
