import NIOCore

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
    enum Taken {
        /// `signals`: the event loop is to be told, so that the remote gets new credit.
        case bytes(ByteBuffer, signals: Bool)
        case end
        /// `signals`: the event loop is to be told, because what it holds back cannot wait for company any longer.
        case nothing(signals: Bool)
    }

    /// Takes the next piece that has arrived, of at most `limit` bytes. What arrived before a failure comes first.
    mutating func take(atMost limit: Int) throws(P2PError) -> Taken {
        guard let piece = self.takePiece(atMost: limit) else {
            if let failure { throw failure }
            switch self.inbound {
            case .open: return .nothing(signals: self.holdsBack && self.signal())
            case .finished: return .end
            case .discarded: throw P2PError(.streamReset, "this side has closed the stream and reads no more")
            }
        }
        self.unreportedBytes += piece.readableBytes
        guard self.unreportedBytes >= Limits.consumptionReport else { return .bytes(piece, signals: false) }
        self.orders.consumedBytes += self.unreportedBytes
        self.unreportedBytes = 0
        return .bytes(piece, signals: self.signal())
    }

    private mutating func takePiece(atMost limit: Int) -> ByteBuffer? {
        guard let first = self.inbox.first else { return nil }
        guard first.readableBytes > limit else {
            if self.inbox.count == 1 { self.ownsTail = false }
            return self.inbox.removeFirst()
        }
        return self.inbox[self.inbox.startIndex].readSlice(length: limit)
    }

    /// Queues bytes.
    ///
    /// - Returns: whether the event loop is to be told, and whether the writer must wait.
    mutating func put(_ bytes: ByteBuffer) throws(P2PError) -> (signals: Bool, mustWait: Bool) {
        if let failure { throw failure }
        guard case .open = self.outbound else {
            throw P2PError(.streamReset, "this side has already closed its direction of the stream")
        }
        self.unsentBytes += bytes.readableBytes
        self.orders.bytes.append(bytes)
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
