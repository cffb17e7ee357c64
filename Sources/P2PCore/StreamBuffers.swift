import NIOCore
import P2PWire

/// What a stream holds between its task and its connection's event loop: bytes that have arrived and bytes and orders
/// that are to leave. A value without lock or clock; ``StreamMailbox`` guards it.
struct StreamBuffers {
    /// How the remote's direction stands.
    private enum Inbound {
        case open
        case finished
        /// This side reads no more.
        case discarded
    }

    /// How our direction stands.
    private enum Outbound {
        case open
        case closed
    }

    /// What the event loop is to do for the stream.
    struct Orders {
        var bytes = CircularBuffer<ByteBuffer>()
        var consumedBytes = 0
        var closesWrite = false
        var stopsReading = false
        var resets = false
    }

    private(set) var failure: P2PError?
    private var inbound = Inbound.open
    private var outbound = Outbound.open
    private var inbox = CircularBuffer<ByteBuffer>()
    /// The last buffer of the inbox is a copy, to which small pieces may be appended.
    private var ownsTail = false
    private var unreportedBytes = 0
    private var orders = Orders()
    /// Bytes that were written and have not left for the socket.
    private(set) var unsentBytes = 0
    /// The event loop has been asked to fetch the orders.
    private var isSignalled = false
    /// The remote has agreed to the protocol.
    private(set) var isAgreed: Bool

    /// The proposal of the protocol has not left: it waits for the first payload, to travel with it.
    private var holdsBack: Bool

    init(isAgreed: Bool, holdsBack: Bool = false) {
        self.isAgreed = isAgreed
        self.holdsBack = holdsBack
    }

    var isReadable: Bool {
        if case .open = self.inbound { !self.inbox.isEmpty || self.failure != nil } else { true }
    }

    var isWritable: Bool { self.failure != nil || self.unsentBytes <= Limits.writeLowWater }

    /// Whether so many bytes more keep no writer waiting, neither theirs nor one who waits.
    func hasRoom(for byteCount: Int) -> Bool {
        self.failure != nil || self.unsentBytes + byteCount <= Limits.writeLowWater
    }

    /// Whether neither side can use the stream any more.
    var isOver: Bool {
        guard self.failure == nil else { return true }
        if case .closed = self.outbound, case .open = self.inbound { return false }
        if case .open = self.outbound { return false }
        return true
    }

    /// Whether the event loop is to be asked now to fetch the orders; it is asked once until it has.
    mutating func signal() -> Bool {
        self.holdsBack = false
        defer { self.isSignalled = true }
        return !self.isSignalled
    }

    // MARK: The task's side

    /// What a reader finds.
    enum Taken<Value: Sendable>: Sendable {
        /// `signals`: the event loop is to be told, so that the remote gets new credit.
        case bytes(Value, signals: Bool)
        case end
        /// `signals`: the event loop is to be told, because what it holds back cannot wait for company any longer.
        case nothing(signals: Bool)
    }

    /// Where a reader of messages stands that has read none of the next one.
    enum NextFrame: Sendable {
        /// The body of one that has arrived whole.
        case whole(ByteBuffer)
        /// The first byte of one that has not, or that is none.
        case begun(ByteBuffer)
    }

    /// Takes the next piece that has arrived, of at most `limit` bytes. What arrived before a failure comes first.
    mutating func take(atMost limit: Int) throws(P2PError) -> Taken<ByteBuffer> {
        guard let piece = self.takePiece(atMost: limit) else { return try self.nothing() }
        return .bytes(piece, signals: self.consumed(piece.readableBytes))
    }

    /// Takes the next message with one look where it has arrived in one piece, as nearly all do; else its first byte.
    ///
    /// - Parameter limit: the largest body that is taken so.
    mutating func takeFrame(limit: Int) throws(P2PError) -> Taken<NextFrame> {
        guard let first = self.inbox.first else { return try self.nothing() }
        var body = first
        if let length = try? body.readUVarint(limit: UInt64(clamping: limit)), length <= body.readableBytes {
            let size = first.readableBytes - body.readableBytes + Int(length)
            guard var frame = self.takePiece(atMost: size) else { return try self.nothing() }
            frame.moveReaderIndex(forwardBy: size - Int(length))
            return .bytes(.whole(frame), signals: self.consumed(size))
        }
        guard let head = self.takePiece(atMost: 1) else { return try self.nothing() }
        return .bytes(.begun(head), signals: self.consumed(1))
    }

    private mutating func nothing<Value: Sendable>() throws(P2PError) -> Taken<Value> {
        if let failure { throw failure }
        switch self.inbound {
        case .open: return .nothing(signals: self.holdsBack && self.signal())
        case .finished: return .end
        case .discarded: throw P2PError(.streamReset, "this side has closed the stream and reads no more")
        }
    }

    /// Whether the event loop is to be told that so many bytes more were read.
    private mutating func consumed(_ byteCount: Int) -> Bool {
        self.unreportedBytes += byteCount
        guard self.unreportedBytes >= Limits.consumptionReport else { return false }
        self.orders.consumedBytes += self.unreportedBytes
        self.unreportedBytes = 0
        return self.signal()
    }

    private mutating func takePiece(atMost limit: Int) -> ByteBuffer? {
        guard let first = self.inbox.first else { return nil }
        guard first.readableBytes > limit else {
            if self.inbox.count == 1 { self.ownsTail = false }
            return self.inbox.removeFirst()
        }
        return self.inbox[self.inbox.startIndex].readSlice(length: limit)
    }

    /// Queues bytes, and others right behind them.
    ///
    /// - Returns: whether the event loop is to be told, and whether the writer must wait.
    mutating func put(
        _ bytes: ByteBuffer,
        _ rest: ByteBuffer? = nil
    ) throws(P2PError) -> (signals: Bool, mustWait: Bool) {
        if let failure { throw failure }
        guard case .open = self.outbound else {
            throw P2PError(.streamReset, "this side has already closed its direction of the stream")
        }
        self.unsentBytes += bytes.readableBytes
        self.orders.bytes.append(bytes)
        if let rest {
            self.unsentBytes += rest.readableBytes
            self.orders.bytes.append(rest)
        }
        return (self.signal(), self.unsentBytes > Limits.writeHighWater)
    }

    /// Ends our direction, and with `stopsReading` our interest in the other one.
    ///
    /// - Returns: whether the event loop is to be told.
    mutating func close(stopsReading: Bool) -> Bool {
        guard self.failure == nil else { return false }
        self.outbound = .closed
        self.orders.closesWrite = true
        if stopsReading {
            self.orders.stopsReading = true
            self.discardInbox()
        }
        return self.signal()
    }

    /// Ends both directions at once, unless the stream is over.
    ///
    /// - Returns: whether the event loop is to be told.
    mutating func reset() -> Bool {
        guard self.failure == nil else { return false }
        self.failure = P2PError(.streamReset, "this side reset the stream")
        self.orders = Orders()
        self.orders.resets = true
        self.discardInbox()
        return self.signal()
    }

    private mutating func discardInbox() {
        self.inbound = .discarded
        self.inbox.removeAll()
        self.ownsTail = false
    }

    // MARK: The event loop's side

    mutating func takeOrders() -> Orders {
        self.isSignalled = false
        defer { self.orders = Orders() }
        return self.orders
    }

    /// Bytes arrived.
    mutating func deliver(_ piece: ByteBuffer) {
        guard case .open = self.inbound, piece.readableBytes > 0 else { return }
        guard piece.readableBytes < Limits.smallPiece else {
            self.ownsTail = false
            self.inbox.append(piece)
            return
        }
        let last = self.inbox.index(before: self.inbox.endIndex)
        if self.ownsTail, !self.inbox.isEmpty, self.inbox[last].readableBytes < Limits.smallPiece {
            self.inbox[last].writeImmutableBuffer(piece)
        } else {
            self.inbox.append(ByteBuffer(bytes: piece.readableBytesView))
            self.ownsTail = true
        }
    }

    /// The remote will send nothing more.
    mutating func finish() {
        if case .open = self.inbound { self.inbound = .finished }
    }

    /// The remote agreed to the protocol.
    mutating func agree() {
        self.isAgreed = true
    }

    /// The stream ended before its time. What has arrived can still be read.
    mutating func fail(_ error: P2PError) {
        guard self.failure == nil else { return }
        self.failure = error
        self.orders = Orders()
    }

    /// `byteCount` of the bytes that were put have left.
    mutating func sent(_ byteCount: Int) {
        self.unsentBytes -= min(byteCount, self.unsentBytes)
    }
}
