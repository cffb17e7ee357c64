import NIOCore

@testable import P2PWire

/// One frame, as a transcript shows it.
struct YamuxFrame: Equatable {
    var header: YamuxHeader
    var body: [UInt8]

    init(_ header: YamuxHeader, _ body: [UInt8] = []) {
        self.header = header
        self.body = body
    }
}

extension YamuxSession {
    /// Everything the session has to send now.
    mutating func sentFrames() -> [YamuxFrame] {
        var bytes = ByteBuffer()
        while self.writeFrame(into: &bytes, room: NoiseSession.messageCapacity) != nil {}
        var frames: [YamuxFrame] = []
        while let header = try? YamuxHeader(reading: &bytes) {
            let length = header.kind == .data ? Int(header.length) : 0
            frames.append(YamuxFrame(header, bytes.readBytes(length: length) ?? []))
        }
        return frames
    }

    /// What the session makes of these frames.
    mutating func receive(_ frames: [YamuxFrame], at now: NIODeadline = .uptimeNanoseconds(1)) throws -> [Event] {
        var bytes = ByteBuffer()
        for frame in frames {
            frame.header.write(into: &bytes)
            bytes.writeBytes(frame.body)
        }
        var events: [Event] = []
        while let event = try self.receive(&bytes, at: now) { events.append(event) }
        return events
    }
}

/// Two sessions whose bytes travel in pieces of any size.
struct YamuxLink: ~Copyable {
    var dialer = YamuxSession(role: .dialer)
    var listener = YamuxSession(role: .listener)

    /// Carries bytes both ways until there are none, the listener consuming what arrives; returns what it received.
    mutating func deliverAll(using random: inout SeededGenerator) throws -> [StreamID: [UInt8]] {
        var received: [StreamID: [UInt8]] = [:]
        while self.dialer.hasOutput || self.listener.hasOutput {
            var forth = ByteBuffer()
            while self.dialer.writeFrame(into: &forth, room: NoiseSession.messageCapacity) != nil {}
            while var piece = forth.readSlice(
                length: min(forth.readableBytes, .random(in: 1...70_000, using: &random))
            ),
                piece.readableBytes > 0
            {
                while let event = try self.listener.receive(&piece, at: .uptimeNanoseconds(1)) {
                    switch event {
                    case .opened(let id): received[id] = []
                    case .received(let id, let bytes):
                        received[id, default: []] += bytes.readableBytesView
                        self.listener.consumed(bytes.readableBytes, on: id, at: .uptimeNanoseconds(1))
                    case .finished, .reset, .leaving: break
                    }
                }
            }
            var back = ByteBuffer()
            while self.listener.writeFrame(into: &back, room: NoiseSession.messageCapacity) != nil {}
            while try self.dialer.receive(&back, at: .uptimeNanoseconds(1)) != nil {}
        }
        return received
    }
}

extension YamuxHeader {
    /// A header that is often nearly right.
    static func random(using random: inout SeededGenerator) -> YamuxHeader {
        YamuxHeader(
            Kind(rawValue: .random(in: 0...3, using: &random)) ?? .data,
            Flags(rawValue: .random(in: 0...15, using: &random)),
            stream: StreamID(rawValue: .random(in: 0...9, using: &random)),
            length: .random(in: 0...40, using: &random)
        )
    }
}
