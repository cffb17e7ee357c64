import NIOCore
import P2PWire
import Testing

@testable import KademliaCore

@Suite struct RequestLimiterTests {
    private let peer = Sample.peerID(1)

    /// How many of `attempts` requests are admitted at one moment.
    private func admitted(
        _ limiter: inout RequestLimiter,
        _ kind: Message.Kind,
        attempts: Int = 2_000,
        from peer: PeerID? = nil,
        after seconds: Int64 = 0
    ) -> Int {
        (0..<attempts).count { _ in
            limiter.admits(kind, from: peer ?? self.peer, now: Sample.start + .seconds(seconds))
        }
    }

    @Test func `a burst passes, and then as much as comes back each second`() {
        var limiter = RequestLimiter()
        #expect(self.admitted(&limiter, .findNode) == Int(Limits.requestAllowance.burst))
        #expect(self.admitted(&limiter, .findNode, after: 2) == 2 * Int(Limits.requestAllowance.perSecond))
        // However long it has been away, it has no more than one burst.
        #expect(self.admitted(&limiter, .findNode, after: 1_000_000) == Int(Limits.requestAllowance.burst))
    }

    @Test func `announcements and values have narrower bounds of their own`() {
        var limiter = RequestLimiter()
        #expect(self.admitted(&limiter, .addProvider, attempts: 400) == Int(Limits.provisionAllowance.burst))
        #expect(self.admitted(&limiter, .putValue, attempts: 400) == Int(Limits.valueAllowance.burst))
        // What is refused costs nothing, and what else is asked is answered still.
        let left = Int(Limits.requestAllowance.burst - Limits.provisionAllowance.burst - Limits.valueAllowance.burst)
        #expect(self.admitted(&limiter, .getProviders) == left)
        #expect(self.admitted(&limiter, .addProvider, attempts: 400, after: 30) == 30)
        #expect(self.admitted(&limiter, .putValue, attempts: 400, after: 30) == 15)
    }

    @Test func `one peer's requests are not another's`() {
        var limiter = RequestLimiter()
        _ = self.admitted(&limiter, .findNode)
        #expect(self.admitted(&limiter, .ping, attempts: 1) == 0)
        #expect(self.admitted(&limiter, .ping, attempts: 1, from: Sample.peerID(2)) == 1)
    }

    @Test func `a clock that stands still or runs back gives nothing`() {
        var limiter = RequestLimiter()
        _ = self.admitted(&limiter, .findNode)
        #expect(self.admitted(&limiter, .findNode, after: -1) == 0)
        #expect(self.admitted(&limiter, .findNode) == 0)
    }

    @Test func `remembers a bounded number of peers, and forgets the one that has been quiet the longest`() {
        var limiter = RequestLimiter()
        _ = self.admitted(&limiter, .findNode)
        for number in 0..<Limits.limitedPeers {
            _ = self.admitted(&limiter, .findNode, attempts: 512, from: Sample.peerID(100 + number), after: 1)
        }
        #expect(limiter.count == Limits.limitedPeers)
        // The first was forgotten, and has a burst again; the others are remembered.
        #expect(self.admitted(&limiter, .findNode, from: Sample.peerID(101), after: 1) == 0)
        #expect(self.admitted(&limiter, .findNode, after: 1) == Int(Limits.requestAllowance.burst))
        #expect(limiter.count == Limits.limitedPeers)
    }

    @Test func `forgets whoever is back at a full allowance`() {
        var limiter = RequestLimiter()
        _ = self.admitted(&limiter, .addProvider, attempts: 10)
        limiter.expire(now: Sample.start + .seconds(9))
        #expect(limiter.count == 1)
        limiter.expire(now: Sample.start + .seconds(10))
        #expect(limiter.count == 0)
    }
}
