import NIOCore
import Testing

@testable import P2PCore

@Suite struct TokenBucketTests {
    private let start = NIODeadline.uptimeNanoseconds(1)
    private let rate = Rate(perSecond: 4, burst: 2)

    @Test func `a burst is free and then the rate holds`() {
        var buckets = TokenBuckets<Int>(capacity: 4)
        #expect(buckets.take(1, self.rate, at: self.start) == nil)
        #expect(buckets.take(1, self.rate, at: self.start) == nil)
        #expect(buckets.take(1, self.rate, at: self.start) == .milliseconds(250))
        #expect(buckets.take(1, self.rate, at: self.start + .milliseconds(250)) == nil)
        #expect(buckets.take(1, self.rate, at: self.start + .milliseconds(250)) != nil)
    }

    @Test func `a bucket holds no more than its burst however long it waits`() {
        var buckets = TokenBuckets<Int>(capacity: 4)
        _ = buckets.take(1, self.rate, at: self.start)
        let later = self.start + .hours(1)
        #expect(buckets.take(1, self.rate, at: later) == nil)
        #expect(buckets.take(1, self.rate, at: later) == nil)
        #expect(buckets.take(1, self.rate, at: later) != nil)
    }

    @Test func `time that runs backwards gives nothing`() {
        var buckets = TokenBuckets<Int>(capacity: 4)
        for _ in 0..<2 { _ = buckets.take(1, self.rate, at: self.start + .hours(1)) }
        #expect(buckets.take(1, self.rate, at: self.start) != nil)
    }

    @Test func `those beyond the table share one bucket`() {
        var buckets = TokenBuckets<Int>(capacity: 2)
        for key in 0..<2 { _ = buckets.take(key, self.rate, at: self.start) }
        #expect(buckets.take(2, self.rate, at: self.start) == nil)
        #expect(buckets.take(3, self.rate, at: self.start) == nil)
        #expect(buckets.take(4, self.rate, at: self.start) != nil)
        #expect(buckets.take(0, self.rate, at: self.start) == nil)
        #expect(buckets.count == 2)
    }

    @Test func `whose bucket is full again is forgotten for another`() {
        var buckets = TokenBuckets<Int>(capacity: 2)
        for key in 0..<2 { _ = buckets.take(key, self.rate, at: self.start) }
        let later = self.start + .seconds(10)
        for key in 10..<12 {
            // Each has a burst of its own.
            for _ in 0..<2 { #expect(buckets.take(key, self.rate, at: later) == nil) }
        }
        #expect(buckets.count == 2)
    }

    @Test func `a rate of nothing lets nobody`() {
        var buckets = TokenBuckets<Int>(capacity: 2)
        #expect(buckets.take(1, Rate(perSecond: 0, burst: 0), at: self.start) != nil)
    }
}
