package import NIOCore

/// How often something may happen: `burst` at once, and `perSecond` in the long run.
public struct Rate: Sendable, Hashable, Codable {
    public var perSecond: Double
    public var burst: Int

    public init(perSecond: Double, burst: Int) {
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// Holds one caller to a ``Rate``.
package struct TokenBucket: Sendable {
    private let rate: Rate
    private var tokens: Double
    private var filledAt: NIODeadline

    package init(_ rate: Rate, at now: NIODeadline) {
        self.rate = rate
        self.tokens = Double(rate.burst)
        self.filledAt = now
    }

    /// How long until the next token; `nil` when one is there.
    package mutating func wait(at now: NIODeadline) -> Duration? {
        self.fill(at: now)
        guard self.tokens < 1 else { return nil }
        guard self.rate.perSecond > 0 else { return .seconds(Int64.max / 4) }
        return .seconds((1 - self.tokens) / self.rate.perSecond)
    }

    /// Takes a token, which must be there.
    package mutating func take() {
        self.tokens -= 1
    }

    /// Nobody could tell this bucket from a new one.
    package mutating func isFull(at now: NIODeadline) -> Bool {
        self.fill(at: now)
        return self.tokens >= Double(self.rate.burst)
    }

    private mutating func fill(at now: NIODeadline) {
        guard now > self.filledAt else { return }
        let seconds = Double((now - self.filledAt).nanoseconds) / 1e9
        self.tokens = min(Double(self.rate.burst), self.tokens + seconds * self.rate.perSecond)
        self.filledAt = now
    }
}

/// A bucket for each of many callers, of whom a bounded number is told apart: the others share one.
package struct TokenBuckets<Key: Hashable & Sendable>: Sendable {
    private let capacity: Int
    private var buckets: [Key: TokenBucket] = [:]
    private var shared: TokenBucket?
    private var nextSweep: NIODeadline?

    package init(capacity: Int) {
        self.capacity = capacity
    }

    package var count: Int { self.buckets.count }

    /// Lets the caller, and says `nil`, or says how long until it may.
    package mutating func take(_ key: Key, _ rate: Rate, at now: NIODeadline) -> Duration? {
        self.withBucket(key, rate, at: now) { bucket in
            if let wait = bucket.wait(at: now) { return wait }
            bucket.take()
            return nil
        }
    }

    private mutating func withBucket(
        _ key: Key,
        _ rate: Rate,
        at now: NIODeadline,
        _ body: (inout TokenBucket) -> Duration?
    ) -> Duration? {
        if self.buckets[key] != nil || self.hasRoom(at: now) {
            return body(&self.buckets[key, default: TokenBucket(rate, at: now)])
        }
        var bucket = self.shared ?? TokenBucket(rate, at: now)
        defer { self.shared = bucket }
        return body(&bucket)
    }

    /// Forgets those whose bucket is full again when there is no room, once a second at most: it looks at all of them.
    private mutating func hasRoom(at now: NIODeadline) -> Bool {
        if self.buckets.count >= self.capacity, now >= self.nextSweep ?? now {
            self.nextSweep = now + .seconds(1)
            self.buckets = self.buckets.filter { entry in
                var bucket = entry.value
                return !bucket.isFull(at: now)
            }
        }
        return self.buckets.count < self.capacity
    }
}
