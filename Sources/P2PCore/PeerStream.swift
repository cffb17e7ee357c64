public import NIOCore
public import P2PWire
import Synchronization

/// One stream of a connection: bytes in both directions, in order, with backpressure.
///
/// One task reads and one writes at a time; ``sendFrame(_:)`` may be called by any. A stream that is let go without
/// ``close()`` is reset. Ends are told apart: the remote's orderly end is `nil` from ``read()``, everything else an error
/// with its own code.
public final class PeerStream: Sendable {
    /// Who is at the other end, as its key has proven.
    public let remotePeer: PeerID
    /// Where the connection leads, without the peer id.
    public let remoteAddress: Multiaddr
    public let protocolID: ProtocolID

    private let mailbox: StreamMailbox
    private let connection: Connection
    private let id: StreamID
    /// Memory for the message that was read last, until the next one or the end of the stream: its reader works on it.
    private let messageMemory = Mutex<Reservation?>(nil)

    init(id: StreamID, protocolID: ProtocolID, mailbox: StreamMailbox, connection: Connection) {
        self.id = id
        self.protocolID = protocolID
        self.mailbox = mailbox
        self.connection = connection
        self.remotePeer = connection.peer
        self.remoteAddress = connection.remoteAddress
    }

    deinit {
        if !self.mailbox.update({ $0.isOver }) { self.reset() }
    }

    // MARK: Reading

    /// The next bytes, as many as have arrived; `nil` once the remote has ended its direction.
    public func read() async throws(P2PError) -> ByteBuffer? {
        try await self.read(atMost: .max)
    }

    /// Exactly `count` bytes, however they were split on their way.
    ///
    /// - Throws: `unexpectedEnd` when the remote ends its direction before.
    public func read(exactly count: Int) async throws(P2PError) -> ByteBuffer {
        guard count > 0 else { return ByteBuffer() }
        var bytes = try await self.read(atMost: count) ?? ByteBuffer()
        guard bytes.readableBytes < count else { return bytes }
        bytes.reserveCapacity(minimumWritableBytes: min(count, Limits.framePrefetch))
        while bytes.readableBytes < count {
            guard var piece = try await self.read(atMost: count - bytes.readableBytes) else {
                throw P2PError(.unexpectedEnd, "\(self.remotePeer) ended \(self.protocolID) in the middle of a message")
            }
            bytes.writeBuffer(&piece)
        }
        return bytes
    }

    /// The body of the next message behind its varint length.
    ///
    /// - Parameter limit: The largest body in bytes; it is compared before anything is allocated.
    /// - Throws: `limitReached` beyond it, or when this host has no memory for the message; `unexpectedEnd` when the remote
    ///   ends its direction before.
    public func readFrame(limit: Int) async throws(P2PError) -> ByteBuffer {
        guard let frame = try await self.nextFrame(limit: limit) else {
            throw P2PError(.unexpectedEnd, "\(self.remotePeer) ended \(self.protocolID) where a message was due")
        }
        return frame
    }

    /// The same, of a conversation of any number of messages: `nil` when the remote ends its direction between two.
    public func nextFrame(limit: Int) async throws(P2PError) -> ByteBuffer? {
        // The message before is its reader's business by now.
        self.messageMemory.withLock { $0 = nil }
        let next = try await self.next { buffers throws(P2PError) in try buffers.takeFrame(limit: limit) }
        switch next {
        case nil: return nil
        case .whole(let frame):
            try self.reserve(frame.readableBytes)
            return frame
        case .begun(var head):
            while true {
                if let length = try Self.frameLength(&head, limit: limit) {
                    try self.reserve(length)
                    return try await self.read(exactly: length)
                }
                var byte = try await self.read(exactly: 1)
                head.writeBuffer(&byte)
            }
        }
    }

    private func reserve(_ byteCount: Int) throws(P2PError) {
        try self.messageMemory.withLock { memory throws(P2PError) in
            try self.connection.reserveMessage(ofBytes: byteCount, in: &memory)
        }
    }

    private static func frameLength(_ head: inout ByteBuffer, limit: Int) throws(P2PError) -> Int? {
        do throws(WireError) {
            return try head.readUVarint(limit: UInt64(clamping: limit)).map { Int($0) }
        } catch {
            throw P2PError(stream: error)
        }
    }

    private func read(atMost limit: Int) async throws(P2PError) -> ByteBuffer? {
        try await self.next { buffers throws(P2PError) in try buffers.take(atMost: limit) }
    }

    /// What `take` finds once there is something; `nil` once the remote has ended its direction.
    private func next<Value: Sendable>(
        _ take: (inout StreamBuffers) throws(P2PError) -> StreamBuffers.Taken<Value>
    ) async throws(P2PError) -> Value? {
        while true {
            if Task.isCancelled { throw .cancelled }
            let taken = try self.mailbox.update { buffers throws(P2PError) in try take(&buffers) }
            switch taken {
            case .bytes(let bytes, let signals):
                if signals { self.connection.signal(self.id) }
                return bytes
            case .end:
                return nil
            case .nothing(let signals):
                if signals { self.connection.signal(self.id) }
                try await self.mailbox.wait(for: .readable)
            }
        }
    }

    // MARK: Writing

    /// Sends bytes; returns once they are queued and the queue is short enough for more.
    public func write(_ bytes: ByteBuffer) async throws(P2PError) {
        try await self.write(bytes, nil)
    }

    private func write(_ bytes: ByteBuffer, _ rest: ByteBuffer?) async throws(P2PError) {
        if Task.isCancelled { throw .cancelled }
        let (signals, mustWait) = try self.mailbox.update { buffers throws(P2PError) in try buffers.put(bytes, rest) }
        if signals { self.connection.signal(self.id) }
        while mustWait {
            try await self.mailbox.wait(for: .writable)
            if let failure = self.mailbox.failure { throw failure }
            if self.mailbox.update({ $0.isWritable }) { return }
        }
    }

    /// Sends one message behind its varint length; returns as ``write(_:)`` does.
    public func writeFrame(_ bytes: ByteBuffer) async throws(P2PError) {
        let (head, rest) = Self.framed(bytes)
        try await self.write(head, rest)
    }

    /// The same where nobody would have to wait: from wherever a message is made, behind what was sent before.
    ///
    /// - Returns: false where the queue is too long, and nothing was sent.
    public func sendFrame(_ bytes: ByteBuffer) throws(P2PError) -> Bool {
        let (head, rest) = Self.framed(bytes)
        let signals = try self.mailbox.update { buffers throws(P2PError) -> Bool? in
            buffers.hasRoom(for: bytes.readableBytes) ? try buffers.put(head, rest).signals : nil
        }
        if signals == true { self.connection.signal(self.id) }
        return signals != nil
    }

    private static func framed(_ bytes: ByteBuffer) -> (head: ByteBuffer, rest: ByteBuffer?) {
        var head = ByteBuffer()
        head.writeUVarint(UInt64(bytes.readableBytes))
        guard bytes.readableBytes <= Limits.smallPiece else { return (head, bytes) }
        head.writeImmutableBuffer(bytes)
        return (head, nil)
    }

    // MARK: Ending

    /// Ends our direction after what was written; the remote's lives on.
    public func closeWrite() async throws(P2PError) {
        if let failure = self.mailbox.failure { throw failure }
        if self.mailbox.update({ $0.close(stopsReading: false) }) { self.connection.signal(self.id) }
    }

    /// Ends our direction after what was written and reads no more.
    public func close() async {
        if self.mailbox.update({ $0.close(stopsReading: true) }) { self.connection.signal(self.id) }
    }

    /// Ends both directions at once; what has not left is lost.
    public func reset() {
        if self.mailbox.update({ $0.reset() }) { self.connection.signal(self.id) }
    }

    /// Returns once the remote has agreed to the protocol.
    func waitForAgreement() async throws(P2PError) {
        while !self.mailbox.update({ $0.isAgreed }) {
            if let failure = self.mailbox.failure { throw failure }
            try await self.mailbox.wait(for: .agreement)
        }
    }
}
