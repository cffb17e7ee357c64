import NIOCore
import Testing

@testable import P2PWire

@Suite struct YamuxSessionTests {
    private let now = NIODeadline.uptimeNanoseconds(1)
    private let one = StreamID(rawValue: 1)
    private let two = StreamID(rawValue: 2)

    // MARK: Opening

    @Test func `the dialer opens odd streams and the listener even ones`() throws {
        var dialer = YamuxSession(role: .dialer)
        var listener = YamuxSession(role: .listener)
        let odd = [try dialer.open(), try dialer.open()]
        let even = [try listener.open(), try listener.open()]
        #expect(odd.map(\.rawValue) == [1, 3])
        #expect(even.map(\.rawValue) == [2, 4])
    }

    @Test func `a stream is opened by a window update and its data follows at once`() throws {
        var session = YamuxSession(role: .dialer)
        let id = try session.open()
        session.send(ByteBuffer(string: "hi"), on: id)
        #expect(
            session.sentFrames() == [
                YamuxFrame(YamuxHeader(.windowUpdate, .syn, stream: id)),
                YamuxFrame(YamuxHeader(.data, stream: id, length: 2), Array("hi".utf8)),
            ]
        )
    }

    @Test func `an inbound stream is acknowledged exactly once`() throws {
        var session = YamuxSession(role: .listener)
        let events = try session.receive([YamuxFrame(YamuxHeader(.data, .syn, stream: self.one, length: 3), [1, 2, 3])])
        #expect(events == [.opened(self.one), .received(self.one, ByteBuffer(bytes: [1, 2, 3]))])
        session.send(ByteBuffer(bytes: [4]), on: self.one)
        #expect(
            session.sentFrames().map(\.header) == [
                YamuxHeader(.windowUpdate, .ack, stream: self.one),
                YamuxHeader(.data, stream: self.one, length: 1),
            ]
        )
    }

    @Test(arguments: [2, 0] as [UInt32])
    func `a remote cannot open a stream that is not its own`(id: UInt32) {
        var session = YamuxSession(role: .listener)
        let header = YamuxHeader(.windowUpdate, .syn, stream: StreamID(rawValue: id))
        #expect(throws: WireError.self) { try session.receive([YamuxFrame(header)]) }
    }

    @Test func `a remote cannot open a stream twice`() {
        var session = YamuxSession(role: .listener)
        let frame = YamuxFrame(YamuxHeader(.windowUpdate, .syn, stream: self.one))
        #expect(throws: WireError.self) { try session.receive([frame, frame]) }
    }

    @Test func `streams that were opened at once arrive in any order`() throws {
        var session = YamuxSession(role: .listener)
        let ids = [5, 1, 3].map(StreamID.init(rawValue:))
        let frames = ids.map { YamuxFrame(YamuxHeader(.windowUpdate, .syn, stream: $0)) }
        #expect(try session.receive(frames) == ids.map { .opened($0) })
    }

    @Test func `the stream above the limit is reset and the others live on`() throws {
        var session = YamuxSession(role: .listener)
        for index in 0..<UInt32(Limits.inboundStreams) {
            let id = StreamID(rawValue: 2 * index + 1)
            let events = try session.receive([YamuxFrame(YamuxHeader(.windowUpdate, .syn, stream: id))])
            #expect(events == [.opened(id)])
        }
        _ = session.sentFrames()
        let above = StreamID(rawValue: UInt32(2 * Limits.inboundStreams + 1))
        let events = try session.receive([
            YamuxFrame(YamuxHeader(.data, .syn, stream: above, length: 2), [1, 2]),
            YamuxFrame(YamuxHeader(.data, stream: self.one, length: 1), [3]),
        ])
        #expect(events == [.received(self.one, ByteBuffer(bytes: [3]))])
        #expect(session.sentFrames() == [YamuxFrame(YamuxHeader(.windowUpdate, .rst, stream: above))])
    }

    @Test func `opens no more than 256 streams`() throws {
        var session = YamuxSession(role: .dialer)
        for _ in 0..<Limits.outboundStreams { _ = try session.open() }
        #expect(throws: WireError.self) { try session.open() }
    }

    @Test func `a stream may be reopened for every one that ended unacknowledged`() throws {
        var session = YamuxSession(role: .dialer)
        for _ in 0..<Limits.unacknowledgedStreams {
            let id = try session.open()
            session.reset(id)
        }
        let next = try session.open()
        #expect(session.contains(next) == true)
    }

    @Test func `opens nothing after a GoAway`() throws {
        var session = YamuxSession(role: .dialer)
        let events = try session.receive([YamuxFrame(YamuxHeader(.goAway, stream: .session))])
        #expect(events == [.leaving(code: 0)])
        #expect(throws: WireError.self) { try session.open() }
    }

    // MARK: Windows

    @Test func `sends 256 KiB and then waits for credit`() throws {
        var session = YamuxSession(role: .dialer)
        let id = try session.open()
        session.send(ByteBuffer(repeating: 7, count: 300_000), on: id)
        #expect(session.sentFrames().map(\.body.count).reduce(0, +) == 262_144)
        #expect(session.hasOutput == false)
        _ = try session.receive([YamuxFrame(YamuxHeader(.windowUpdate, stream: id, length: 1000))])
        #expect(session.sentFrames().map(\.body.count) == [1000])
    }

    @Test func `a larger window may come with the SYN`() throws {
        var session = YamuxSession(role: .listener)
        _ = try session.receive([YamuxFrame(YamuxHeader(.windowUpdate, .syn, stream: self.one, length: 10))])
        session.send(ByteBuffer(repeating: 7, count: 300_000), on: self.one)
        #expect(session.sentFrames().map(\.body.count).reduce(0, +) == 262_154)
    }

    @Test func `a body larger than the credit ends the session before it arrives`() throws {
        var session = YamuxSession(role: .listener)
        let header = YamuxHeader(.data, .syn, stream: self.one, length: 262_145)
        #expect(throws: WireError.self) { try session.receive([YamuxFrame(header)]) }
    }

    @Test func `credit that leaves 32 bits ends the session`() throws {
        var session = YamuxSession(role: .dialer)
        let id = try session.open()
        let header = YamuxHeader(.windowUpdate, stream: id, length: .max)
        #expect(throws: WireError.self) { try session.receive([YamuxFrame(header)]) }
    }

    @Test func `credit is granted as the application consumes and not before`() throws {
        var session = YamuxSession(role: .listener)
        let body = [UInt8](repeating: 1, count: 200_000)
        _ = try session.receive([
            YamuxFrame(YamuxHeader(.data, .syn, stream: self.one, length: 200_000), body)
        ])
        _ = session.sentFrames()
        #expect(session.hasOutput == false)
        session.consumed(200_000, on: self.one, at: self.now)
        // Data that flows is an occasion to measure the round trip.
        let expected = [
            YamuxFrame(YamuxHeader(.windowUpdate, stream: self.one, length: 200_000)),
            YamuxFrame(YamuxHeader(.ping, .syn, stream: .session, length: 1)),
        ]
        #expect(session.sentFrames() == expected)
    }

    // MARK: Fairness

    @Test func `a lone stream fills whole Noise messages`() throws {
        var session = YamuxSession(role: .dialer)
        let id = try session.open()
        _ = session.sentFrames()
        session.send(ByteBuffer(repeating: 7, count: 200_000), on: id)
        #expect(session.sentFrames().first?.body.count == 65507)
    }

    @Test func `streams take turns of 16 KiB`() throws {
        var session = YamuxSession(role: .dialer)
        let ids = [try session.open(), try session.open()]
        _ = session.sentFrames()
        session.send(ByteBuffer(repeating: 1, count: 100_000), on: ids[0])
        session.send(ByteBuffer(repeating: 2, count: 100), on: ids[1])
        let frames = session.sentFrames()
        #expect(frames.prefix(2).map(\.header.stream) == ids)
        #expect(frames.prefix(2).map(\.body.count) == [16384, 100])
    }

    @Test func `control frames overtake data`() throws {
        var session = YamuxSession(role: .dialer)
        let id = try session.open()
        session.send(ByteBuffer(repeating: 1, count: 100_000), on: id)
        _ = try session.receive([YamuxFrame(YamuxHeader(.ping, .syn, stream: .session, length: 9))])
        let frames = session.sentFrames()
        #expect(frames[1].header == YamuxHeader(.ping, .ack, stream: .session, length: 9))
        #expect(frames[2].header.kind == .data)
    }

    // MARK: Ends

    @Test func `FIN follows the last byte in a frame of its own`() throws {
        var session = YamuxSession(role: .dialer)
        let id = try session.open()
        session.send(ByteBuffer(string: "bye"), on: id)
        session.closeWrite(id)
        #expect(
            session.sentFrames().map(\.header).suffix(2) == [
                YamuxHeader(.data, stream: id, length: 3), YamuxHeader(.windowUpdate, .fin, stream: id),
            ]
        )
        #expect(session.contains(id) == true)
    }

    @Test func `a body arrives before the FIN of its frame`() throws {
        var session = YamuxSession(role: .listener)
        let events = try session.receive([
            YamuxFrame(YamuxHeader(.data, [.syn, .fin], stream: self.one, length: 2), [1, 2])
        ])
        #expect(
            events == [.opened(self.one), .received(self.one, ByteBuffer(bytes: [1, 2])), .finished(self.one)]
        )
    }

    @Test func `after our FIN the remote may go on`() throws {
        var session = YamuxSession(role: .dialer)
        let id = try session.open()
        session.closeWrite(id)
        _ = session.sentFrames()
        let events = try session.receive([
            YamuxFrame(YamuxHeader(.data, .ack, stream: id, length: 1), [5]),
            YamuxFrame(YamuxHeader(.windowUpdate, .fin, stream: id)),
        ])
        #expect(events == [.received(id, ByteBuffer(bytes: [5])), .finished(id)])
        #expect(session.contains(id) == false)
    }

    @Test func `a reset drops what was queued and says so once`() throws {
        var session = YamuxSession(role: .dialer)
        let id = try session.open()
        session.send(ByteBuffer(repeating: 1, count: 1000), on: id)
        session.reset(id)
        session.reset(id)
        #expect(session.sentFrames().map(\.header.flags) == [.syn, .rst])
        #expect(session.queuedBytes == 0)
    }

    @Test func `a reset of the remote carries its code`() throws {
        var session = YamuxSession(role: .dialer)
        let id = try session.open()
        let events = try session.receive([YamuxFrame(YamuxHeader(.windowUpdate, .rst, stream: id, length: 42))])
        #expect(events == [.reset(id, code: 42)])
        #expect(session.contains(id) == false)
    }

    @Test func `late frames of ended streams are passed over in silence`() throws {
        var session = YamuxSession(role: .dialer)
        let id = try session.open()
        session.reset(id)
        _ = session.sentFrames()
        let events = try session.receive([
            YamuxFrame(YamuxHeader(.data, stream: id, length: 3), [1, 2, 3]),
            YamuxFrame(YamuxHeader(.windowUpdate, stream: id, length: 70_000)),
            YamuxFrame(YamuxHeader(.windowUpdate, .fin, stream: id)),
            YamuxFrame(YamuxHeader(.windowUpdate, .rst, stream: id)),
            YamuxFrame(YamuxHeader(.ping, .syn, stream: .session, length: 1)),
        ])
        #expect(events.isEmpty)
        #expect(session.sentFrames().map(\.header.kind) == [.ping])
    }

    // MARK: Pings

    @Test func `a ping is answered once with its own value`() throws {
        var session = YamuxSession(role: .listener)
        _ = try session.receive([YamuxFrame(YamuxHeader(.ping, .syn, stream: .session, length: 77))])
        #expect(session.sentFrames() == [YamuxFrame(YamuxHeader(.ping, .ack, stream: .session, length: 77))])
    }

    @Test func `an answered ping tells the round trip and an unasked one nothing`() throws {
        var session = YamuxSession(role: .dialer)
        session.ping(at: .uptimeNanoseconds(1000))
        session.ping(at: .uptimeNanoseconds(2000))
        let frames = session.sentFrames()
        #expect(frames.count == 1)
        _ = try session.receive([YamuxFrame(YamuxHeader(.ping, .ack, stream: .session, length: 99))])
        #expect(session.roundTrip == nil)
        let answer = YamuxFrame(YamuxHeader(.ping, .ack, stream: .session, length: frames[0].header.length))
        _ = try session.receive([answer], at: .uptimeNanoseconds(5000))
        #expect(session.roundTrip == .nanoseconds(4000))
    }

    @Test func `a flood of pings congests the session until the answers have left`() throws {
        var session = YamuxSession(role: .listener)
        let ping = YamuxFrame(YamuxHeader(.ping, .syn, stream: .session, length: 1))
        _ = try session.receive([YamuxFrame](repeating: ping, count: Limits.controlBacklog / 12 + 1))
        #expect(session.isCongested == true)
        _ = session.sentFrames()
        #expect(session.isCongested == false)
    }

    // MARK: Any bytes

    @Test(arguments: 0..<50)
    func `random bytes end the session or not but never the process`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var session = YamuxSession(role: .listener)
        for _ in 0..<200 {
            var bytes = ByteBuffer()
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                YamuxHeader.random(using: &random).write(into: &bytes)
            }
            bytes.writeBytes(
                (0..<Int.random(in: 0...40, using: &random)).map { _ in .random(in: 0...255, using: &random) }
            )
            do {
                while let event = try session.receive(&bytes, at: self.now) {
                    if case .received(let id, let piece) = event {
                        session.consumed(piece.readableBytes, on: id, at: self.now)
                    }
                }
            } catch {
                session = YamuxSession(role: .listener)
            }
            _ = session.sentFrames()
        }
    }

    @Test(arguments: 0..<20)
    func `two sessions agree however their bytes are split`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var link = YamuxLink()
        let sent = (0..<8).map { _ in
            Array(repeating: random.bytes(upTo: 300), count: .random(in: 0...1500, using: &random)).flatMap { $0 }
        }
        var expected: [StreamID: [UInt8]] = [:]
        for body in sent {
            let id = try link.dialer.open()
            link.dialer.send(ByteBuffer(bytes: body), on: id)
            link.dialer.closeWrite(id)
            expected[id] = body
        }
        let received = try link.deliverAll(using: &random)
        #expect(received == expected)
    }
}
