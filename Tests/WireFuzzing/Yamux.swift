import NIOCore
import P2PWire

extension FuzzTarget {
    /// A session whose remote sends anything while its owner does anything, in an order that the input chooses.
    ///
    /// It must keep its bounds, tell nothing of streams that do not exist, say nothing that breaks the protocol itself,
    /// and do the same whether the remote's bytes come at once or one by one.
    static let yamux = FuzzTarget("yamux") { input throws(BrokenPromise) in
        let whole = try YamuxRun.transcript(of: input, single: true)
        let split = try YamuxRun.transcript(of: input, single: false)
        try promise(whole == split, "a session depends on how its bytes are split: \(whole) and \(split)")
    }
}

/// One run of a session, and what is known of it from outside.
private struct YamuxRun: ~Copyable {
    /// All that could be seen of a run.
    struct Transcript: Equatable {
        var events: [YamuxSession.Event] = []
        var output: [UInt8] = []
        var failure: WireError?
    }

    private var session: YamuxSession
    private var choices: FuzzInput
    private let single: Bool
    private var transcript = Transcript()
    private var now = NIODeadline.uptimeNanoseconds(1)
    /// Bytes received and not consumed, of the streams that are open.
    private var unread: [StreamID: Int] = [:]
    private var check = OutputCheck()

    static func transcript(of input: ByteBuffer, single: Bool) throws(BrokenPromise) -> Transcript {
        var run = YamuxRun(input, single: single)
        while !run.choices.isEmpty, run.transcript.failure == nil { try run.step() }
        return run.transcript
    }

    private init(_ input: ByteBuffer, single: Bool) {
        self.choices = FuzzInput(input)
        self.single = single
        self.session = YamuxSession(role: self.choices.byte() & 1 == 0 ? .dialer : .listener)
    }

    private mutating func step() throws(BrokenPromise) {
        let choice = self.choices.byte()
        switch choice % 12 {
        case 0: try self.receive(self.choices.bytes(self.choices.short() % 600))
        case 1, 2, 3: try self.receiveFrame()
        case 4:
            if let id = try? self.session.open() {
                try promise(self.unread.updateValue(0, forKey: id) == nil, "\(id) was opened twice")
                self.check.opened(id)
            }
        case 5: self.session.send(ByteBuffer(repeating: 3, count: self.choices.short() * 8), on: self.chosenStream())
        case 6: self.session.closeWrite(self.chosenStream())
        case 7:
            let id = self.chosenStream()
            self.session.reset(id)
            self.unread[id] = nil
        case 8:
            let id = self.chosenStream()
            let count = min(self.unread[id] ?? 0, self.choices.short() * 4)
            self.unread[id]? -= count
            self.session.consumed(count, on: id, at: self.now)
        case 9: self.session.ping(at: self.now)
        case 10: try self.write(room: 12 + self.choices.short())
        default: self.now = self.now + .milliseconds(Int64(self.choices.byte()))
        }
        try self.checkBounds()
    }

    private mutating func chosenStream() -> StreamID { StreamID(rawValue: UInt32(self.choices.byte() % 16)) }

    /// A frame whose header is sound, so that its meaning is tried rather than its spelling.
    private mutating func receiveFrame() throws(BrokenPromise) {
        let shape = self.choices.byte()
        let kind = YamuxHeader.Kind(rawValue: shape & 3) ?? .data
        let flags = YamuxHeader.Flags(rawValue: UInt16(shape >> 2 & 15))
        let id = self.chosenStream()
        // A long body is zeros: they need not stand in the input.
        let isLong = shape & 64 != 0
        let length = isLong ? UInt32(self.choices.short()) * 8 : UInt32(self.choices.byte())
        var bytes = ByteBuffer()
        let claimed = shape & 128 == 0 ? length : self.choices.word()
        YamuxHeader(kind, flags, stream: id, length: claimed).write(into: &bytes)
        if kind == .data { bytes.writeRepeatingByte(0, count: Int(length)) }
        try self.receive(bytes)
    }

    private mutating func receive(_ bytes: ByteBuffer) throws(BrokenPromise) {
        // Byte by byte costs time; past the header the pieces may be larger.
        let pieces =
            self.single || bytes.readableBytes > 700 ? [bytes] : bytes.pieces(single: false)
        for var piece in pieces {
            while let event = self.nextEvent(&piece) { try self.note(event) }
        }
    }

    /// What the session makes of its bytes; nothing once it has failed.
    private mutating func nextEvent(_ bytes: inout ByteBuffer) -> YamuxSession.Event? {
        guard self.transcript.failure == nil else { return nil }
        do throws(WireError) {
            return try self.session.receive(&bytes, at: self.now)
        } catch {
            self.transcript.failure = error
            return nil
        }
    }

    private mutating func note(_ event: YamuxSession.Event) throws(BrokenPromise) {
        switch event {
        case .opened(let id):
            try promise(self.unread.updateValue(0, forKey: id) == nil, "\(id) was opened twice")
            self.check.opened(id)
        case .received(let id, let bytes):
            try promise(self.unread[id] != nil, "bytes arrived on \(id), which is not open")
            self.unread[id]? += bytes.readableBytes
            if case .received(id, var last)? = self.transcript.events.last {
                last.writeImmutableBuffer(bytes)
                self.transcript.events[self.transcript.events.count - 1] = .received(id, last)
                return
            }
        case .finished(let id):
            try promise(self.unread[id] != nil, "\(id) ended, which is not open")
            if !self.session.contains(id) { self.unread[id] = nil }
        case .reset(let id, _):
            try promise(self.unread.removeValue(forKey: id) != nil, "\(id) was reset, which is not open")
        case .leaving: break
        }
        self.transcript.events.append(event)
    }

    private mutating func write(room: Int) throws(BrokenPromise) {
        var output = ByteBuffer()
        var left = min(room, NoiseSession.messageCapacity)
        while let written = self.session.writeFrame(into: &output, room: left) {
            left = min(room, NoiseSession.messageCapacity) - output.readableBytes
            try promise(left >= 0, "a frame is longer than the room it was given")
            if case .finished(let id) = written, !self.session.contains(id) { self.unread[id] = nil }
        }
        try self.check.take(output)
        self.transcript.output += output.readableBytesView
    }

    private borrowing func checkBounds() throws(BrokenPromise) {
        let limit = P2PWire.Limits.inboundStreams + P2PWire.Limits.outboundStreams
        try promise(self.session.streamCount <= limit, "\(self.session.streamCount) streams are open")
        try promise(self.session.queuedBytes >= 0, "a negative number of bytes is queued")
        let growth = Int(P2PWire.Limits.windowGrowth)
        let windows = self.unread.count * Int(P2PWire.Limits.initialWindow)
        let unread = self.unread.values.reduce(0, +)
        try promise(unread <= windows + growth, "\(unread) bytes wait to be read, more than was granted")
    }
}

/// Reads what a session sends as the strictest of remotes would.
private struct OutputCheck {
    private var sentFIN: Set<StreamID> = []
    private var sentRST: Set<StreamID> = []
    private var sentSYN: Set<StreamID> = []

    /// The remote opened a stream, whose number one that is over may have had.
    mutating func opened(_ id: StreamID) {
        self.sentFIN.remove(id)
    }

    mutating func take(_ output: ByteBuffer) throws(BrokenPromise) {
        var output = output
        while let header = try Self.header(&output) {
            let id = header.stream
            guard header.kind == .data || header.kind == .windowUpdate else { continue }
            try promise(!self.sentRST.contains(id) || header.flags == .rst, "\(id) was spoken of after its reset")
            if header.kind == .data {
                try promise(!self.sentFIN.contains(id), "data followed the FIN of \(id)")
                try promise((1...P2PWire.Limits.frameBody).contains(Int(header.length)), "a frame of \(header.length)")
                try promise(output.readSlice(length: Int(header.length)) != nil, "a frame was cut off")
            }
            if header.flags.contains(.syn) { try promise(self.sentSYN.insert(id).inserted, "\(id) was opened twice") }
            if header.flags.contains(.fin) { try promise(self.sentFIN.insert(id).inserted, "\(id) was ended twice") }
            // The remote's next stream of that number would be a new one.
            if header.flags.contains(.rst), self.sentSYN.contains(id) { self.sentRST.insert(id) }
        }
    }

    private static func header(_ output: inout ByteBuffer) throws(BrokenPromise) -> YamuxHeader? {
        guard output.readableBytes > 0 else { return nil }
        guard let header = try? YamuxHeader(reading: &output) else {
            throw BrokenPromise(description: "the session sent a header that cannot be read")
        }
        return header
    }
}
