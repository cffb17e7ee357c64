import NIOCore
import Testing

@testable import P2PWire

@Suite struct KeepaliveTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `asks after silence and gives up without an answer`() {
        var keepalive = Keepalive(idle: .seconds(30), patience: .seconds(10), at: self.start)
        let first = keepalive.hitDeadline(at: self.start)
        let second = keepalive.hitDeadline(at: self.start + .seconds(30))
        let third = keepalive.hitDeadline(at: self.start + .seconds(40))
        #expect(first == .wait(until: self.start + .seconds(30)))
        #expect(second == .ping(until: self.start + .seconds(40)))
        #expect(third == .giveUp)
    }

    @Test func `any byte is a sign of life`() {
        var keepalive = Keepalive(idle: .seconds(30), patience: .seconds(10), at: self.start)
        _ = keepalive.hitDeadline(at: self.start + .seconds(30))
        keepalive.received(at: self.start + .seconds(35))
        let action = keepalive.hitDeadline(at: self.start + .seconds(40))
        #expect(action == .wait(until: self.start + .seconds(65)))
    }
}
