import NIOCore
import Testing

@testable import P2PWire

@Suite struct IdlenessTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `closes after the limit`() {
        var idleness = Idleness(limit: .seconds(10))
        let deadline = idleness.began(at: self.start)
        let action = idleness.hitDeadline(at: self.start + .seconds(10))
        #expect(deadline == self.start + .seconds(10))
        #expect(action == .close)
    }

    @Test func `a stream in between starts the time anew without a second timer`() {
        var idleness = Idleness(limit: .seconds(10))
        _ = idleness.began(at: self.start)
        idleness.ended()
        let second = idleness.began(at: self.start + .seconds(4))
        let action = idleness.hitDeadline(at: self.start + .seconds(10))
        #expect(second == nil)
        #expect(action == .wait(until: self.start + .seconds(14)))
    }

    @Test func `a connection in use needs no timer`() {
        var idleness = Idleness(limit: .seconds(10))
        _ = idleness.began(at: self.start)
        idleness.ended()
        let action = idleness.hitDeadline(at: self.start + .seconds(10))
        let next = idleness.began(at: self.start + .seconds(20))
        #expect(action == .none)
        #expect(next == self.start + .seconds(30))
    }
}
