import NIOCore
public import P2PWire
import Synchronization

extension ProtocolID {
    /// How many bytes a second a connection carries (libp2p specification, perf).
    public static let perf: ProtocolID = "/perf/1.0.0"
}

/// What a host gives to those who measure: their bytes come out of what its own work could use.
public struct PerfLimits: Sendable, Equatable {
    /// Measurements at once, in all and of one peer.
    public var streams: Int
    public var streamsPerPeer: Int
    /// Bytes of one measurement in each direction.
    public var bytes: UInt64
    /// How long one measurement may take.
    public var duration: Duration
    /// Bytes that all measurements of one hour may move together, both directions counted.
    public var hourlyBytes: UInt64

    /// For anybody: enough for an honest figure, too little to be worth asking for again and again.
    public static let anybody = PerfLimits(
        streams: 2,
        streamsPerPeer: 1,
        bytes: 1 << 30,
        duration: .seconds(20),
        hourlyBytes: 16 << 30
    )

    /// For a peer that exists to be measured.
    public static let none = PerfLimits(
        streams: 256,
        streamsPerPeer: 256,
        bytes: .max,
        duration: .seconds(3_600),
        hourlyBytes: .max
    )
}

/// What is left of the bytes of an hour.
struct PerfBudget {
    private let hourlyBytes: UInt64
    private var spent: UInt64 = 0
    private var hourEnds: NIODeadline

    init(hourlyBytes: UInt64, now: NIODeadline) {
        self.hourlyBytes = hourlyBytes
        self.hourEnds = now + .hours(1)
    }

    /// Takes `count` bytes; false, and nothing taken, when the hour has not that many left.
    mutating func spend(_ count: Int, now: NIODeadline) -> Bool {
        if now >= self.hourEnds {
            self.hourEnds = now + .hours(1)
            self.spent = 0
        }
        let (sum, overflow) = self.spent.addingReportingOverflow(UInt64(count))
        guard !overflow, sum <= self.hourlyBytes else { return false }
        self.spent = sum
        return true
    }
}

extension Host {
    /// Serves `/perf/1.0.0`: reads a wish of eight bytes and whatever follows to its end, then sends as many bytes as were
    /// wished for. A measurement beyond a limit is reset once it reaches it.
    public func servePerf(_ limits: PerfLimits) {
        let budget = Mutex(PerfBudget(hourlyBytes: limits.hourlyBytes, now: .now()))
        let session = PerfSession(limits: limits) { count in budget.withLock { $0.spend(count, now: .now()) } }
        self.handle(.perf, limit: limits.streams, limitPerPeer: limits.streamsPerPeer) { stream in
            try await withDeadline(limits.duration, "a measurement by \(stream.remotePeer)") {
                () async throws(P2PError) in
                try await session.run(on: stream)
            }
        }
    }
}

/// The serving side of one measurement.
private struct PerfSession: Sendable {
    let limits: PerfLimits
    /// Whether that many bytes may be moved.
    let spend: @Sendable (Int) -> Bool

    func run(on stream: PeerStream) async throws(P2PError) {
        let head = try await stream.read(exactly: MemoryLayout<UInt64>.size)
        let wanted = head.getInteger(at: head.readerIndex, as: UInt64.self) ?? 0
        var received: UInt64 = 0
        while let bytes = try await stream.read() {
            received += UInt64(bytes.readableBytes)
            guard received <= self.limits.bytes, self.spend(bytes.readableBytes) else { throw .tooMuchMeasured }
        }
        var left = min(wanted, self.limits.bytes)
        while left > 0 {
            let piece = PerfPayload.piece(atMost: left)
            guard self.spend(piece.readableBytes) else { throw .tooMuchMeasured }
            try await stream.write(piece)
            left -= UInt64(piece.readableBytes)
        }
        guard wanted <= self.limits.bytes else { throw .tooMuchMeasured }
    }
}

/// What is sent to be counted.
enum PerfPayload {
    private static let whole = ByteBuffer(repeating: 0, count: Limits.perfPiece)

    /// Up to `count` bytes; all pieces share their storage.
    static func piece(atMost count: UInt64) -> ByteBuffer {
        let length = Int(min(count, UInt64(self.whole.readableBytes)))
        return self.whole.getSlice(at: 0, length: length) ?? self.whole
    }
}

extension P2PError {
    fileprivate static let tooMuchMeasured = P2PError(.limitReached, "a measurement is at the limit of this host")
}
