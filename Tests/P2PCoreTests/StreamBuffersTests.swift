import NIOCore
import P2PWire
import Testing

@testable import P2PCore

@Suite struct StreamBuffersTests {
    private func read(_ buffers: inout StreamBuffers, atMost limit: Int = .max) throws -> ByteBuffer? {
        if case .bytes(let bytes, _) = try buffers.take(atMost: limit) { bytes } else { nil }
    }

    // MARK: Reading

    @Test func `what arrived before the end is read before it`() throws {
        var buffers = StreamBuffers(isAgreed: true)
        buffers.deliver(ByteBuffer(bytes: [1, 2]))
        buffers.finish()
        #expect(try self.read(&buffers) == ByteBuffer(bytes: [1, 2]))
        guard case .end = try buffers.take(atMost: 1) else {
            Issue.record("no end")
            return
        }
    }

    @Test func `what arrived before a failure is read before it`() throws {
        var buffers = StreamBuffers(isAgreed: true)
        buffers.deliver(ByteBuffer(bytes: [1]))
        buffers.fail(P2PError(.connectionLost, "gone"))
        #expect(try self.read(&buffers) == ByteBuffer(bytes: [1]))
        #expect(throws: P2PError(.connectionLost, "gone")) { try buffers.take(atMost: 1) }
    }

    @Test func `small pieces are gathered so that they do not hold large buffers`() throws {
        var buffers = StreamBuffers(isAgreed: true)
        let large = ByteBuffer(repeating: 7, count: 1 << 16)
        for offset in 0..<100 { buffers.deliver(large.getSlice(at: offset, length: 1) ?? ByteBuffer()) }
        let gathered = try self.read(&buffers)
        #expect(gathered == ByteBuffer(repeating: 7, count: 100))
        #expect(gathered?.capacity ?? 0 < 4096)
    }

    @Test func `no more is taken than asked for`() throws {
        var buffers = StreamBuffers(isAgreed: true)
        buffers.deliver(ByteBuffer(bytes: [1, 2, 3]))
        let pieces = [try self.read(&buffers, atMost: 2), try self.read(&buffers, atMost: 2)]
        #expect(pieces == [ByteBuffer(bytes: [1, 2]), ByteBuffer(bytes: [3])])
    }

    @Test func `consumption is reported in portions`() throws {
        var buffers = StreamBuffers(isAgreed: true)
        buffers.deliver(ByteBuffer(repeating: 1, count: P2PCore.Limits.consumptionReport - 1))
        buffers.deliver(ByteBuffer(repeating: 1, count: 1 << 15))
        guard case .bytes(_, signals: false) = try buffers.take(atMost: P2PCore.Limits.consumptionReport - 1),
            case .bytes(_, signals: true) = try buffers.take(atMost: .max)
        else {
            Issue.record("reported at the wrong time")
            return
        }
        #expect(buffers.takeOrders().consumedBytes == P2PCore.Limits.consumptionReport - 1 + 1 << 15)
    }

    // MARK: Messages

    private func framed(_ byteCount: Int) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeUVarint(UInt64(byteCount))
        frame.writeRepeatingByte(UInt8(byteCount & 0xff), count: byteCount)
        return frame
    }

    @Test func `messages that have arrived are taken whole, one by one`() throws {
        var buffers = StreamBuffers(isAgreed: true)
        for byteCount in [0, 1, 300] { buffers.deliver(self.framed(byteCount)) }
        for byteCount in [0, 1, 300] {
            guard case .bytes(.whole(let body), false) = try buffers.takeFrame(limit: 300) else {
                Issue.record("no message of \(byteCount) bytes")
                return
            }
            #expect(body == ByteBuffer(repeating: UInt8(byteCount & 0xff), count: byteCount))
        }
        guard case .nothing = try buffers.takeFrame(limit: 300) else {
            Issue.record("more than was there")
            return
        }
    }

    @Test(arguments: [1, 2, 300])
    func `of a message that has not arrived whole, only the first byte is taken`(arrived: Int) throws {
        var buffers = StreamBuffers(isAgreed: true)
        let frame = self.framed(300)
        buffers.deliver(frame.getSlice(at: 0, length: arrived) ?? ByteBuffer())
        guard case .bytes(.begun(let head), _) = try buffers.takeFrame(limit: 300) else {
            Issue.record("no first byte")
            return
        }
        #expect(head == frame.getSlice(at: 0, length: 1))
        buffers.deliver(frame.getSlice(at: arrived, length: frame.readableBytes - arrived) ?? ByteBuffer())
        #expect(try self.read(&buffers) == frame.getSlice(at: 1, length: frame.readableBytes - 1))
    }

    @Test func `a message that is too long, or none, is left to its reader`() throws {
        for frame in [self.framed(301), ByteBuffer(repeating: 0xff, count: 20)] {
            var buffers = StreamBuffers(isAgreed: true)
            buffers.deliver(frame)
            guard case .bytes(.begun(let head), _) = try buffers.takeFrame(limit: 300) else {
                Issue.record("no first byte")
                return
            }
            #expect(head == frame.getSlice(at: 0, length: 1))
        }
    }

    @Test func `what messages were read is reported with their lengths`() throws {
        var buffers = StreamBuffers(isAgreed: true)
        buffers.deliver(self.framed(P2PCore.Limits.consumptionReport))
        guard case .bytes(.whole, signals: true) = try buffers.takeFrame(limit: .max) else {
            Issue.record("not reported")
            return
        }
        #expect(buffers.takeOrders().consumedBytes == P2PCore.Limits.consumptionReport + 3)
    }

    // MARK: Writing

    @Test func `what nobody has to wait for leaves a writer who waits his room`() throws {
        var buffers = StreamBuffers(isAgreed: true)
        #expect(buffers.hasRoom(for: P2PCore.Limits.writeLowWater))
        #expect(!buffers.hasRoom(for: P2PCore.Limits.writeLowWater + 1))
        _ = try buffers.put(ByteBuffer(repeating: 1, count: P2PCore.Limits.writeHighWater), ByteBuffer(bytes: [1]))
        buffers.sent(P2PCore.Limits.writeHighWater - P2PCore.Limits.writeLowWater + 1)
        #expect(buffers.isWritable && buffers.hasRoom(for: 0) && !buffers.hasRoom(for: 1))
    }

    @Test func `a writer waits above the high water until below the low one`() throws {
        var buffers = StreamBuffers(isAgreed: true)
        let full = try buffers.put(ByteBuffer(repeating: 1, count: P2PCore.Limits.writeHighWater))
        let above = try buffers.put(ByteBuffer(repeating: 1, count: 1))
        #expect(full == (true, false))
        #expect(above == (false, true))
        buffers.sent(P2PCore.Limits.writeHighWater - P2PCore.Limits.writeLowWater)
        #expect(!buffers.isWritable)
        buffers.sent(1)
        #expect(buffers.isWritable)
    }

    @Test func `the event loop is asked once until it has looked`() throws {
        var buffers = StreamBuffers(isAgreed: true)
        let first = try buffers.put(ByteBuffer(bytes: [1]))
        let second = try buffers.put(ByteBuffer(bytes: [2]))
        let orders = buffers.takeOrders()
        let third = try buffers.put(ByteBuffer(bytes: [3]))
        #expect([first.signals, second.signals, third.signals] == [true, false, true])
        #expect(Array(orders.bytes) == [ByteBuffer(bytes: [1]), ByteBuffer(bytes: [2])])
    }

    @Test func `a proposal that waits for company leaves when the task waits itself`() throws {
        var buffers = StreamBuffers(isAgreed: false, holdsBack: true)
        guard case .nothing(signals: true) = try buffers.take(atMost: 1),
            case .nothing(signals: false) = try buffers.take(atMost: 1)
        else {
            Issue.record("the proposal would have waited for ever")
            return
        }
    }

    @Test func `nothing is written after the end`() {
        var buffers = StreamBuffers(isAgreed: true)
        _ = buffers.close(stopsReading: false)
        #expect(throws: P2PError.self) { try buffers.put(ByteBuffer(bytes: [1])) }
    }

    // MARK: Ends

    @Test func `a reset drops everything and happens once`() {
        var buffers = StreamBuffers(isAgreed: true)
        buffers.deliver(ByteBuffer(bytes: [1]))
        _ = try? buffers.put(ByteBuffer(bytes: [1]))
        _ = buffers.takeOrders()
        let signals = [buffers.reset(), buffers.reset()]
        #expect(signals == [true, false])
        #expect(buffers.takeOrders().resets)
        #expect(throws: P2PError.self) { try buffers.take(atMost: 1) }
        #expect(buffers.isOver)
    }

    @Test func `a stream is over when both directions are`() {
        var buffers = StreamBuffers(isAgreed: true)
        #expect(!buffers.isOver)
        buffers.finish()
        #expect(!buffers.isOver)
        _ = buffers.close(stopsReading: false)
        #expect(buffers.isOver)
    }
}
