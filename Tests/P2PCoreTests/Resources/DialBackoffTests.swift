import NIOCore
import P2PWire
import Testing

@testable import P2PCore

@Suite struct DialBackoffTests {
    private let peer = Identity().peerID
    private let other = Identity().peerID
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    /// Always the longest wait.
    private struct Longest: RandomNumberGenerator {
        mutating func next() -> UInt64 { .max }
    }

    private func address(_ port: Int) throws -> Multiaddr { try Multiaddr("/ip4/203.0.113.9/tcp/\(port)") }

    /// Whole seconds of the waits after each of `count` failures in a row, each as soon as the last wait was over.
    private func waits(_ count: Int, for target: DialBackoff.Target) -> [Int64] {
        var backoff = DialBackoff()
        var random = Longest()
        var now = self.start
        return (0..<count).map { _ in
            backoff.failed(target, at: now, using: &random)
            let wait = backoff.wait(for: target, at: now) ?? .zero
            now = now + TimeAmount(clamping: wait)
            return Int64((wait / .seconds(1)).rounded())
        }
    }

    @Test func `an address waits with the square of its failures up to five minutes`() throws {
        let waits = self.waits(20, for: .address(try self.address(1)))
        #expect(waits.prefix(6) == [5, 6, 9, 14, 21, 30])
        #expect(waits.last == 300)
    }

    @Test func `a peer waits for half a minute at most`() {
        #expect(self.waits(8, for: .peer(self.peer)) == [5, 6, 9, 14, 21, 30, 30, 30])
    }

    @Test func `waits differ by a fifth at most`() throws {
        var random = SplitMix(seed: 1)
        var waits: Set<Duration> = []
        for port in 1...50 {
            var backoff = DialBackoff()
            let target = DialBackoff.Target.address(try self.address(port))
            backoff.failed(target, at: self.start, using: &random)
            waits.insert(backoff.wait(for: target, at: self.start) ?? .zero)
        }
        #expect(waits.count > 40)
        #expect(waits.allSatisfy { $0 >= .seconds(4) && $0 <= .seconds(5) })
    }

    @Test func `a dial may begin when the wait is over and not before`() throws {
        var backoff = DialBackoff()
        var random = Longest()
        backoff.failed(.peer(self.peer), at: self.start, using: &random)
        #expect(backoff.wait(for: .peer(self.peer), at: self.start + .seconds(4)) != nil)
        #expect(backoff.wait(for: .peer(self.peer), at: self.start + .milliseconds(5001)) == nil)
        #expect(backoff.wait(for: .peer(self.other), at: self.start) == nil)
    }

    @Test func `success forgets all failures`() throws {
        var backoff = DialBackoff()
        var random = Longest()
        let target = DialBackoff.Target.address(try self.address(1))
        for _ in 0..<5 { backoff.failed(target, at: self.start, using: &random) }
        backoff.succeeded(target)
        #expect(backoff.wait(for: target, at: self.start) == nil)
        backoff.failed(target, at: self.start, using: &random)
        #expect(backoff.wait(for: target, at: self.start).map { $0 <= .seconds(5) } == true)
    }

    @Test func `failures are forgotten after as long again as was waited`() throws {
        var backoff = DialBackoff()
        var random = Longest()
        let target = DialBackoff.Target.address(try self.address(1))
        for _ in 0..<3 { backoff.failed(target, at: self.start, using: &random) }
        backoff.failed(target, at: self.start + .seconds(18) + .milliseconds(1), using: &random)
        let wait = backoff.wait(for: target, at: self.start + .seconds(18) + .milliseconds(1))
        #expect(wait.map { $0 <= .seconds(5) } == true)
    }

    @Test func `a liar who names a stranger's address does not hide the stranger`() throws {
        var backoff = DialBackoff()
        var random = Longest()
        let address = try self.address(1)
        backoff.failed(.identity(self.peer, at: address), at: self.start, using: &random)
        #expect(backoff.wait(for: self.peer, at: address, self.start) != nil)
        #expect(backoff.wait(for: self.other, at: address, self.start) == nil)
        backoff.failed(.address(address), at: self.start, using: &random)
        #expect(backoff.wait(for: self.other, at: address, self.start) != nil)
    }

    @Test func `the table is bounded and keeps the longest waits`() throws {
        var backoff = DialBackoff(capacity: 3)
        var random = Longest()
        let patient = DialBackoff.Target.address(try self.address(1))
        for _ in 0..<4 { backoff.failed(patient, at: self.start, using: &random) }
        for port in 2...100 {
            backoff.failed(.address(try self.address(port)), at: self.start, using: &random)
        }
        #expect(backoff.count == 3)
        #expect(backoff.wait(for: patient, at: self.start) != nil)
    }
}
