package import NIOCore

/// An authenticated connection as a value: encrypted bytes in and out, streams on top.
///
/// Noise carries the negotiation of the muxer, unless the handshake chose it already, and then Yamux. The dialer does
/// not wait for the muxer's answer; it checks it in front of the first frame.
package struct SecureConnection: ~Copyable {
    private enum Muxer {
        case proposed(MultistreamDialer)
        case awaited(MultistreamListener)
        case settled
    }

    /// The streams; commands go straight to it.
    package var yamux: YamuxSession
    private var noise: NoiseSession
    private var muxer: Muxer
    /// Multistream messages about the muxer, which precede all frames.
    private var preface = ByteBuffer()
    private var plaintext = ByteBuffer()

    package init(role: ConnectionRole, noise: consuming NoiseSession, earlyMuxer: ProtocolID?) {
        self.noise = noise
        self.yamux = YamuxSession(role: role)
        guard earlyMuxer == nil else {
            self.muxer = .settled
            return
        }
        switch role {
        case .dialer:
            var dialer = MultistreamDialer(proposing: ConnectionUpgrade.muxer)
            dialer.start(into: &self.preface)
            self.muxer = .proposed(dialer)
        case .listener:
            var listener = MultistreamListener()
            listener.start(into: &self.preface)
            self.muxer = .awaited(listener)
        }
    }

    /// Both sides have agreed on the muxer, so the remote has accepted the connection.
    package var isSettled: Bool {
        if case .settled = self.muxer { true } else { false }
    }

    package var hasOutput: Bool {
        self.preface.readableBytes > 0 || (self.maySendFrames && self.yamux.hasOutput)
    }

    /// About how many bytes ``writeMessage(into:_:)`` has to write.
    package var estimatedOutput: Int { self.preface.readableBytes + self.yamux.queuedBytes * 65 / 64 + 256 }

    private var maySendFrames: Bool {
        if case .awaited = self.muxer { false } else { true }
    }

    /// Decrypts what arrived; ``nextEvent(at:)`` then tells what it means.
    ///
    /// - Throws: for whatever ends the connection.
    package mutating func receive(_ bytes: inout ByteBuffer) throws(WireError) {
        if self.plaintext.readableBytes == 0 {
            // A new buffer each time: slices of the last one may still wait in streams.
            self.plaintext = ByteBufferAllocator().buffer(capacity: bytes.readableBytes)
        }
        try self.noise.open(&bytes, into: &self.plaintext)
        if !self.isSettled { try self.settle() }
    }

    /// The next thing that happened; `nil` when all that arrived has been told.
    package mutating func nextEvent(at now: NIODeadline) throws(WireError) -> YamuxSession.Event? {
        guard self.isSettled else { return nil }
        return try self.yamux.receive(&self.plaintext, at: now)
    }

    /// Appends the next encrypted message to `output`, as full as it gets, and tells what it holds.
    ///
    /// - Returns: whether there was anything to write.
    package mutating func writeMessage(
        into output: inout ByteBuffer,
        _ written: (YamuxSession.Written) -> Void
    ) throws(WireError) -> Bool {
        guard self.hasOutput else { return false }
        let start = NoiseSession.beginMessage(in: &output)
        let body = output.writerIndex
        output.writeBuffer(&self.preface)
        if self.maySendFrames {
            var room = NoiseSession.messageCapacity - (output.writerIndex - body)
            while let frame = self.yamux.writeFrame(into: &output, room: room) {
                written(frame)
                room = NoiseSession.messageCapacity - (output.writerIndex - body)
            }
        }
        try self.noise.seal(from: start, in: &output)
        return output.writerIndex > start
    }

    private mutating func settle() throws(WireError) {
        switch self.muxer {
        case .proposed(var dialer):
            let agreed = try dialer.receive(&self.plaintext, reply: &self.preface)
            self.muxer = agreed == nil ? .proposed(dialer) : .settled
        case .awaited(var listener):
            let agreed = try listener.receive(&self.plaintext, reply: &self.preface) { $0 == ConnectionUpgrade.muxer }
            self.muxer = agreed == nil ? .awaited(listener) : .settled
        case .settled:
            break
        }
    }
}
