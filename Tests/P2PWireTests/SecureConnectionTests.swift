import NIOCore
import Testing

@testable import P2PWire

/// A dialer and a listener from their first byte to open streams, over a link that splits and joins bytes.
@Suite struct SecureConnectionTests {
    private let now = NIODeadline.uptimeNanoseconds(1)

    @Test(arguments: [true, false])
    func `a request and its answer take three flights each way`(early: Bool) throws {
        var dialer = ConnectionUpgrade(role: .dialer, early: early)
        var listener = ConnectionUpgrade(role: .listener, early: early)
        var forth = ByteBuffer()
        var back = ByteBuffer()
        try dialer.start(into: &forth)
        try listener.start(into: &back)
        // First flight: proposal and first Noise message; its answer.
        let unknown = try listener.receive(&forth, reply: &back)
        #expect(unknown == nil)
        let seen = try dialer.receive(&back, reply: &forth)
        #expect(seen != nil)
        // Second: last Noise message, muxer, stream and request; the answer to it all.
        var near = try dialer.accept(into: &forth)
        let id = try near.yamux.open()
        near.yamux.send(ByteBuffer(string: "request"), on: id)
        try near.writeAll(into: &forth)
        let remote = try listener.receive(&forth, reply: &back)
        #expect(remote != nil)
        var far = try listener.accept(into: &back)
        let request = try far.events(&forth)
        #expect(request == [.opened(id), .received(id, ByteBuffer(string: "request"))])
        far.yamux.send(ByteBuffer(string: "answer"), on: id)
        try far.writeAll(into: &back)
        let answer = try near.events(&back)
        #expect(answer == [.received(id, ByteBuffer(string: "answer"))])
        let settled = [near.isSettled, far.isSettled]
        #expect(settled == [true, true])
    }

    @Test(arguments: 0..<20)
    func `an upgrade works byte by byte and in heaps`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var dialer = ConnectionUpgrade(role: .dialer, early: seed % 2 == 0)
        var listener = ConnectionUpgrade(role: .listener, early: seed % 3 == 0)
        var forth = ByteBuffer()
        var back = ByteBuffer()
        try dialer.start(into: &forth)
        try listener.start(into: &back)
        var arrivedForth = ByteBuffer()
        var arrivedBack = ByteBuffer()
        var seen: PublicKey?
        while seen == nil {
            forth.move(upTo: 60, to: &arrivedForth, using: &random)
            _ = try listener.receive(&arrivedForth, reply: &back)
            back.move(upTo: 60, to: &arrivedBack, using: &random)
            seen = try dialer.receive(&arrivedBack, reply: &forth)
        }
        var near = try dialer.accept(into: &forth)
        let id = try near.yamux.open()
        let body = ByteBuffer(repeating: 5, count: 150_000)
        near.yamux.send(body, on: id)
        try near.writeAll(into: &forth)
        seen = nil
        while seen == nil {
            forth.move(upTo: 60, to: &arrivedForth, using: &random)
            seen = try listener.receive(&arrivedForth, reply: &back)
        }
        var far = try listener.accept(into: &back)
        var received = 0
        while arrivedForth.readableBytes + forth.readableBytes > 0 {
            for event in try far.events(&arrivedForth) {
                if case .received(_, let bytes) = event { received += bytes.readableBytes }
            }
            forth.move(upTo: 40_000, to: &arrivedForth, using: &random)
        }
        #expect(received == 150_000)
    }

    @Test func `a dialer whose muxer is refused learns it from the answer`() throws {
        var dialer = MultistreamDialer(proposing: ConnectionUpgrade.muxer)
        var answer = ByteBuffer(tokens: "/multistream/1.0.0", "na")
        var reply = ByteBuffer()
        #expect(throws: WireError.self) { try dialer.receive(&answer, reply: &reply) }
    }

    @Test(arguments: 0..<50)
    func `random bytes end an upgrade and never the process`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for role in [ConnectionRole.dialer, .listener] {
            var upgrade = ConnectionUpgrade(role: role, early: true)
            var reply = ByteBuffer()
            try? upgrade.start(into: &reply)
            var bytes = ByteBuffer(tokens: "/multistream/1.0.0", "/noise")
            bytes.writeBytes((0..<200).map { _ in UInt8.random(in: 0...255, using: &random) })
            _ = try? upgrade.receive(&bytes, reply: &reply)
            _ = try? upgrade.receive(&bytes, reply: &reply)
        }
    }
}

extension ConnectionUpgrade {
    /// A fresh identity; `early` offers the muxer inside the handshake.
    init(role: ConnectionRole, early: Bool) {
        let muxers = early ? [ConnectionUpgrade.muxer] : nil
        self.init(role: role, handshake: NoiseHandshake(role: role, identity: Identity(), muxers: muxers))
    }
}

extension SecureConnection {
    mutating func writeAll(into bytes: inout ByteBuffer) throws {
        while try self.writeMessage(into: &bytes, { _ in }) {}
    }

    mutating func events(_ bytes: inout ByteBuffer) throws -> [YamuxSession.Event] {
        try self.receive(&bytes)
        var events: [YamuxSession.Event] = []
        while let event = try self.nextEvent(at: .uptimeNanoseconds(1)) { events.append(event) }
        return events
    }
}

extension ByteBuffer {
    /// Moves some bytes, at least one if there are any, behind those of `other`.
    mutating func move(upTo count: Int, to other: inout ByteBuffer, using random: inout SeededGenerator) {
        let moved = min(self.readableBytes, .random(in: 1...count, using: &random))
        guard var piece = self.readSlice(length: moved) else { return }
        other.writeBuffer(&piece)
    }
}
