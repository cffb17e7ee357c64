import Testing

@testable import SwarmCore

@Suite struct DraftLengthTests {
    /// After passes of one token that took so long, of which so much in the blocks.
    private func measured(_ duration: Duration, compute: Duration) -> DraftLength {
        var length = DraftLength(.measured)
        for _ in 0..<5 { length.ran(guesses: 0, right: 0, duration: duration, compute: compute) }
        return length
    }

    @Test func `nothing is guessed before anything was measured`() {
        #expect(DraftLength(.measured).count == 0)
    }

    @Test func `guesses are sent where the way takes longer than the blocks, and not where it does not`() {
        #expect(self.measured(.milliseconds(50), compute: .milliseconds(2)).count > 0)
        #expect(self.measured(.milliseconds(50), compute: .milliseconds(49)).count == 0)
    }

    @Test func `the more guesses are right, the more are sent`() {
        var (good, bad) = (
            self.measured(.milliseconds(50), compute: .milliseconds(2)),
            self.measured(.milliseconds(50), compute: .milliseconds(2))
        )
        for _ in 0..<40 {
            good.ran(guesses: 4, right: 4, duration: .milliseconds(54), compute: .milliseconds(6))
            bad.ran(guesses: 4, right: 0, duration: .milliseconds(54), compute: .milliseconds(6))
        }
        #expect(good.count == Limits.draftTokens)
        #expect(bad.count < 2)
    }

    @Test func `what a guess costs is measured: dear ones are not sent, however right`() {
        var length = self.measured(.milliseconds(50), compute: .milliseconds(2))
        for _ in 0..<40 { length.ran(guesses: 2, right: 2, duration: .milliseconds(250), compute: .milliseconds(202)) }
        #expect(length.count == 0)
    }

    @Test func `after a while without guesses one is tried`() {
        var length = self.measured(.milliseconds(50), compute: .milliseconds(30))
        length.ran(guesses: 1, right: 0, duration: .milliseconds(80), compute: .milliseconds(60))
        #expect(length.count == 0)
        for _ in 0..<Limits.draftPause {
            length.ran(guesses: 0, right: 0, duration: .milliseconds(50), compute: .milliseconds(30))
        }
        #expect(length.count == 1)
    }

    @Test func `a fixed number is kept within the bound`() {
        #expect(DraftLength(.fixed(3)).count == 3)
        #expect(DraftLength(.fixed(-1)).count == 0)
        #expect(DraftLength(.fixed(1_000)).count == Limits.draftTokens)
    }
}
