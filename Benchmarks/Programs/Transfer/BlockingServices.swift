/// What the other side of a blocking socket does.
enum BlockingServices {
    static func echo(_ socket: BlockingSocket) throws {
        while case let bytes = socket.receive(), !bytes.isEmpty { try socket.transmit(bytes) }
    }

    /// An echo that is busy for as long as encryption and framing keep a peer: with that much to do, a thread is asleep by
    /// the time the other one answers, and has to be woken on its core.
    static func busyEcho(_ socket: BlockingSocket) throws {
        while case let bytes = socket.receive(), !bytes.isEmpty {
            Self.work()
            try socket.transmit(bytes)
        }
    }

    static func work() {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .microseconds(15) {}
    }

    /// Reads as much as the first eight bytes announce, and tells how much that was: p2pd closes both directions at once,
    /// so the end of one cannot say it.
    static func sink(_ socket: BlockingSocket) throws {
        let wanted = try Self.number(in: socket)
        var count = 0
        while count < wanted, case let bytes = socket.receive(), !bytes.isEmpty { count += bytes.count }
        try socket.transmit(Self.bytes(of: count))
    }

    /// The sender's side of ``sink(_:)``.
    static func fill(_ socket: BlockingSocket, byteCount: Int) throws {
        let piece = [UInt8](repeating: 7, count: 1 << 20)
        try socket.transmit(Self.bytes(of: byteCount))
        for _ in 0..<byteCount >> 20 { try socket.transmit(piece) }
        let count = try Self.number(in: socket)
        guard count == byteCount else { throw Failure("\(count) of \(byteCount) bytes arrived") }
    }

    private static func bytes(of number: Int) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    }

    private static func number(in socket: BlockingSocket) throws -> Int {
        try socket.receive(exactly: 8).reduce(0) { $0 << 8 | Int($1) }
    }
}

/// A conversation over a blocking socket.
struct BlockingEcho: Echo {
    let socket: BlockingSocket
    var isBusy = false

    func exchange(byteCount: Int) async throws -> Duration {
        try await self.socket.elapsed { [isBusy] socket in
            if isBusy { BlockingServices.work() }
            try socket.transmit([UInt8](repeating: 7, count: byteCount))
            _ = try socket.receive(exactly: byteCount)
        }
    }

    func close() async throws { self.socket.hangUp() }
}
