package import NIOCore

/// The Yamux session of one connection (`/yamux/1.0.0`): many streams, each with its own windows, over one byte stream.
///
/// Commands change it at once; what they have to say leaves through ``writeFrame(into:room:)``. Bytes of the remote go
/// in through ``receive(_:at:)``, one event at a time. No clock and no socket is in here.
///
/// After a stream has ended, late frames for it are dropped without a word: an RST in answer makes rust-yamux discard
/// data that its reader has not taken yet (libp2p/rust-yamux#110).
package struct YamuxSession: ~Copyable {
    private let role: ConnectionRole
    private var streams: [StreamID: YamuxStream] = [:]
    private var nextStream: UInt32
    private var inboundStreams = 0
    private var unacknowledgedStreams = 0
    private var remoteIsLeaving = false
    /// What the receive windows may grow by.
    package var budget = WindowBudget()
    private var pings = YamuxPings()
    private var intake = YamuxIntake()
    /// Whole encoded frames without a body, which overtake the data.
    private var control = ByteBuffer()
    /// The streams that have something to send and may, in the order of their turns.
    private var round = CircularBuffer<StreamID>()

    package init(role: ConnectionRole) {
        self.role = role
        self.nextStream = role == .dialer ? 1 : 2
    }

    package var streamCount: Int { self.streams.count }

    /// Whether the stream still has an open direction.
    package func contains(_ id: StreamID) -> Bool { self.streams[id] != nil }

    /// The last measured time from a ping to its answer.
    package var roundTrip: TimeAmount? { self.pings.roundTrip }

    /// Bytes that wait to be sent, on all streams together.
    package private(set) var queuedBytes = 0

    /// What the remote may make this side hold, and what waits for it to read: bytes.
    package var heldBytes: Int {
        self.streams.count * Int(Limits.initialWindow) + Int(self.budget.granted) + self.queuedBytes
    }

    package var hasOutput: Bool { self.control.readableBytes > 0 || !self.round.isEmpty }

    /// More answers wait than a remote that reads them would let wait: take nothing more from it until they left.
    package var isCongested: Bool { self.control.readableBytes > Limits.controlBacklog }

    // MARK: Commands

    /// Opens a stream; its first frame leaves with the next write.
    ///
    /// - Throws: `tooLarge` at the bound of open or of unacknowledged streams, `protocolViolation` after a GoAway.
    package mutating func open() throws(WireError) -> StreamID {
        guard !self.remoteIsLeaving else {
            throw WireError(.protocolViolation, "the peer is closing this connection and takes no new streams")
        }
        guard self.streams.count - self.inboundStreams < Limits.outboundStreams else {
            throw WireError(.tooLarge, "\(Limits.outboundStreams) streams to this peer are open; close one first")
        }
        guard self.unacknowledgedStreams < Limits.unacknowledgedStreams else {
            throw WireError(
                .tooLarge,
                "the peer has \(Limits.unacknowledgedStreams) streams yet to accept; try again later"
            )
        }
        guard self.nextStream < UInt32.max - 1 else {
            throw WireError(.tooLarge, "all stream ids of this connection are used; reconnect to the peer")
        }
        let id = StreamID(rawValue: self.nextStream)
        self.nextStream += 2
        self.streams[id] = YamuxStream(awaitsAcknowledgement: true)
        self.unacknowledgedStreams += 1
        self.sendControl(YamuxHeader(.windowUpdate, .syn, stream: id))
        return id
    }

    /// Queues bytes; they leave as the stream's credit and its turn allow. Dropped when the stream no longer sends.
    ///
    /// - Returns: whether they were queued.
    @discardableResult
    package mutating func send(_ bytes: ByteBuffer, on id: StreamID) -> Bool {
        guard bytes.readableBytes > 0, case .open? = self.streams[id]?.sending else { return false }
        self.streams[id]?.enqueue(bytes)
        self.queuedBytes += bytes.readableBytes
        self.schedule(id)
        return true
    }

    /// Ends our direction: FIN follows the bytes queued before, in a frame of its own, because go-yamux can show its
    /// reader the end before the body when both share a frame.
    package mutating func closeWrite(_ id: StreamID) {
        guard case .open? = self.streams[id]?.sending else { return }
        self.streams[id]?.sending = .finishing
        self.schedule(id)
    }

    /// Ends both directions at once; what was queued is lost.
    package mutating func reset(_ id: StreamID) {
        guard self.streams[id] != nil else { return }
        self.sendControl(YamuxHeader(.windowUpdate, .rst, stream: id))
        self.remove(id)
    }

    /// The application took `byteCount` bytes that the stream had received; grants the remote new credit when due.
    package mutating func consumed(_ byteCount: Int, on id: StreamID, at now: NIODeadline) {
        guard let isReceiving = self.streams[id]?.isReceiving, isReceiving else { return }
        let delta = self.streams[id]?.receiveWindow
            .consumed(byteCount, at: now, roundTrip: self.pings.roundTrip, budget: &self.budget)
        guard let delta = delta.flatMap({ $0 }) else { return }
        self.sendControl(YamuxHeader(.windowUpdate, stream: id, length: delta))
        if self.pings.isDue(at: now) { self.ping(at: now) }
    }

    /// Asks the remote for a sign of life, unless an answer is already due.
    package mutating func ping(at now: NIODeadline) {
        guard let value = self.pings.begin(at: now) else { return }
        self.sendControl(YamuxHeader(.ping, .syn, stream: .session, length: value))
    }

    /// Says that this side is leaving, and why; the connection is closed once that is written.
    package mutating func goAway(_ reason: YamuxGoAway) {
        self.sendControl(YamuxHeader(.goAway, stream: .session, length: reason.rawValue))
    }

    // MARK: Sending

    /// What ``writeFrame(into:room:)`` wrote.
    package enum Written: Equatable {
        /// Frames without a body.
        case control
        /// A DATA frame with `byteCount` bytes of the stream.
        case data(StreamID, byteCount: Int)
        /// The FIN of the stream.
        case finished(StreamID)
    }

    /// Writes the next frame, or all control frames, into `buffer` if `room` bytes suffice; `nil` when nothing is to be
    /// sent or the rest should open a new Noise message.
    package mutating func writeFrame(into buffer: inout ByteBuffer, room: Int) -> Written? {
        if self.control.readableBytes > 0 {
            return self.writeControl(into: &buffer, room: room)
        }
        while let id = self.round.first {
            guard let stream = self.streams[id], stream.hasWork else {
                self.leaveRound(id)
                continue
            }
            guard stream.queuedBytes > 0 else {
                guard room >= YamuxHeader.byteCount else { return nil }
                return self.writeFIN(of: id, into: &buffer)
            }
            let quantum = self.round.count > 1 ? Limits.sharedQuantum : Limits.frameBody
            let wanted = min(stream.queuedBytes, quantum, Int(stream.sendWindow.credit))
            let body = min(wanted, room - YamuxHeader.byteCount)
            guard body == wanted || body >= Limits.smallestSplit else { return nil }
            self.writeBody(of: id, byteCount: body, into: &buffer)
            return .data(id, byteCount: body)
        }
        return nil
    }

    private mutating func writeControl(into buffer: inout ByteBuffer, room: Int) -> Written? {
        let fitting = room - room % YamuxHeader.byteCount
        guard fitting > 0, var frames = self.control.readSlice(length: min(fitting, self.control.readableBytes)) else {
            return nil
        }
        buffer.writeBuffer(&frames)
        if self.control.readableBytes == 0 { self.control.clear() }
        return .control
    }

    private mutating func writeBody(of id: StreamID, byteCount: Int, into buffer: inout ByteBuffer) {
        YamuxHeader(.data, stream: id, length: UInt32(byteCount)).write(into: &buffer)
        _ = self.streams[id]?.sendWindow.spend(upTo: byteCount)
        self.streams[id]?.dequeue(byteCount, into: &buffer)
        self.queuedBytes -= byteCount
        self.leaveRound(id)
        self.schedule(id)
    }

    private mutating func writeFIN(of id: StreamID, into buffer: inout ByteBuffer) -> Written {
        YamuxHeader(.windowUpdate, .fin, stream: id).write(into: &buffer)
        self.leaveRound(id)
        self.streams[id]?.sending = .finished
        if self.streams[id]?.isReceiving == false { self.remove(id) }
        return .finished(id)
    }

    private mutating func leaveRound(_ id: StreamID) {
        _ = self.round.popFirst()
        self.streams[id]?.isScheduled = false
    }

    private mutating func schedule(_ id: StreamID) {
        guard let stream = self.streams[id], !stream.isScheduled, stream.hasWork else { return }
        self.streams[id]?.isScheduled = true
        self.round.append(id)
    }

    private mutating func sendControl(_ header: YamuxHeader) {
        header.write(into: &self.control)
    }

    private mutating func remove(_ id: StreamID) {
        guard let stream = self.streams.removeValue(forKey: id) else { return }
        self.budget.giveBack(stream.receiveWindow)
        self.queuedBytes -= stream.queuedBytes
        if stream.awaitsAcknowledgement { self.unacknowledgedStreams -= 1 }
        if self.isRemote(id) { self.inboundStreams -= 1 }
    }

    private func isRemote(_ id: StreamID) -> Bool {
        (id.rawValue % 2 == 1) == (self.role == .listener)
    }

    // MARK: Receiving

    /// What the remote did.
    package enum Event: Equatable {
        /// It opened a stream.
        case opened(StreamID)
        /// It sent bytes on a stream; they count against its window until ``consumed(_:on:at:)``.
        case received(StreamID, ByteBuffer)
        /// It will send nothing more on this stream.
        case finished(StreamID)
        /// It ended both directions of a stream. `code` is go-libp2p's error code, 0 from others.
        case reset(StreamID, code: UInt32)
        /// It is leaving and takes no new streams.
        case leaving(code: UInt32)
    }

    /// Takes bytes until something happened; `nil` when they are used up. Call again until it returns `nil`.
    ///
    /// - Throws: for whatever ends the session: the caller sends GoAway and closes.
    package mutating func receive(_ bytes: inout ByteBuffer, at now: NIODeadline) throws(WireError) -> Event? {
        while let step = try self.intake.next(&bytes) {
            switch step {
            case .header(let header):
                if let event = try self.receiveHeader(header, at: now) { return event }
            case .rest(let header):
                if let event = try self.receiveRest(of: header) { return event }
            case .body(let id, let piece):
                guard self.streams[id]?.isReceiving == true else { continue }
                return .received(id, piece)
            case .end(let id):
                if let event = self.receiveFIN(of: id) { return event }
            }
        }
        return nil
    }

    private mutating func receiveHeader(
        _ header: YamuxHeader,
        at now: NIODeadline
    ) throws(WireError) -> Event? {
        switch header.kind {
        case .ping:
            if header.flags.contains(.syn) {
                self.sendControl(YamuxHeader(.ping, .ack, stream: .session, length: header.length))
            } else if header.flags.contains(.ack) {
                self.pings.answered(header.length, at: now)
            }
            return nil
        case .goAway:
            self.remoteIsLeaving = true
            return .leaving(code: header.length)
        case .data, .windowUpdate:
            guard header.stream != .session else {
                throw WireError(.protocolViolation, "the peer sent stream data on the session itself")
            }
            self.intake.expectRest(of: header)
            return header.flags.contains(.syn) ? try self.accept(header.stream) : nil
        }
    }

    private mutating func accept(_ id: StreamID) throws(WireError) -> Event? {
        // No order among the ids: go-yamux draws them under one lock and sends their SYNs under another, so that streams
        // opened at once arrive in any order.
        guard self.isRemote(id), self.streams[id] == nil else {
            throw WireError(.protocolViolation, "the peer opened \(id), which is not its to open")
        }
        guard self.inboundStreams < Limits.inboundStreams else {
            self.sendControl(YamuxHeader(.windowUpdate, .rst, stream: id))
            return nil
        }
        self.inboundStreams += 1
        self.streams[id] = YamuxStream(awaitsAcknowledgement: false)
        self.sendControl(YamuxHeader(.windowUpdate, .ack, stream: id))
        return .opened(id)
    }

    /// Everything of a stream's frame but its SYN.
    private mutating func receiveRest(of header: YamuxHeader) throws(WireError) -> Event? {
        let id = header.stream
        if header.flags.contains(.ack), self.streams[id]?.awaitsAcknowledgement == true {
            self.streams[id]?.awaitsAcknowledgement = false
            self.unacknowledgedStreams -= 1
        }
        let isReset = header.flags.contains(.rst)
        let ends = header.flags.contains(.fin) && !isReset
        switch header.kind {
        case .data:
            // A body whose stream is unknown, or reset by this very frame, is read past.
            if !isReset, self.streams[id]?.isReceiving == true {
                try self.streams[id]?.receiveWindow.received(header.length)
            }
            self.intake.expectBody(of: id, byteCount: header.length, thenEnd: ends)
        case .windowUpdate:
            if !isReset { try self.streams[id]?.sendWindow.grant(header.length) }
            self.schedule(id)
            self.intake.expectBody(of: id, byteCount: 0, thenEnd: ends)
        case .ping, .goAway:
            break
        }
        guard isReset, self.streams[id] != nil else { return nil }
        self.remove(id)
        return .reset(id, code: header.kind == .windowUpdate ? header.length : 0)
    }

    private mutating func receiveFIN(of id: StreamID) -> Event? {
        guard let stream = self.streams[id], stream.isReceiving else { return nil }
        if case .finished = stream.sending {
            self.remove(id)
        } else {
            self.streams[id]?.isReceiving = false
        }
        return .finished(id)
    }
}
