import ShardProtocol
import Testing

@testable import SwarmCore

/// What it is worth to wait for company, to all generations over a chain together, in virtual time.
@Suite struct GatheringChainTests {
    /// Eight generations over hops whose passes read for 5 ms and take 0.4 ms for each row; a millisecond is spent on each way.
    private struct Chain {
        private struct Hop {
            var gathering = Gathering()
            var ready: [SessionKey] = []
            var pass: Pass?
            var wakesAt: ContinuousClock.Instant?
        }

        private struct Pass {
            let keys: [SessionKey]
            let began: ContinuousClock.Instant
            var left: Duration
            var processing = Duration.zero
        }

        private struct Arrival {
            let key: SessionKey
            let hop: Int
            let at: ContinuousClock.Instant
        }

        /// Whether all hops have one processor between them, or each its own.
        let isOneMachine: Bool
        let waits: Bool
        private let blocks: BlockRange
        private var hops: [Hop]
        private var arrivals: [Arrival] = []
        private var now = ContinuousClock.now
        private var random: UInt64
        private var tokens = 0

        private static let tick = Duration.microseconds(100)

        init(hops: Int = 3, generations: Int = 8, isOneMachine: Bool, waits: Bool, seed: UInt64) throws {
            self.isOneMachine = isOneMachine
            self.waits = waits
            self.blocks = try BlockRange(0, 10)
            self.hops = Array(repeating: Hop(), count: hops)
            self.random = seed
            for session in 0..<generations {
                let key = SessionKey(peer: try Samples.peer(1), session: SessionID(rawValue: UInt64(session)))
                self.arrivals.append(Arrival(key: key, hop: 0, at: self.now + .milliseconds(10) * self.fraction()))
            }
        }

        private mutating func fraction() -> Double {
            self.random = self.random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(self.random >> 33) / Double(UInt64(1) << 31)
        }

        /// The tokens of all generations in four seconds.
        mutating func run() -> Int {
            for _ in 0..<40_000 {
                let running = self.hops.count { $0.pass != nil }
                let share = self.isOneMachine ? Self.tick / max(running, 1) : Self.tick
                for index in self.hops.indices { self.compute(index, for: share) }
                for arrival in self.arrivals where arrival.at <= self.now { self.arrive(arrival) }
                self.arrivals.removeAll { $0.at <= self.now }
                for index in self.hops.indices { self.begin(index) }
                self.now += Self.tick
            }
            return self.tokens
        }

        private mutating func compute(_ index: Int, for time: Duration) {
            guard var pass = self.hops[index].pass else { return }
            pass.left -= time
            pass.processing += time
            self.hops[index].pass = pass
            guard pass.left <= .zero else { return }
            self.hops[index].pass = nil
            self.hops[index].gathering.passed(
                rows: pass.keys.count,
                blocks: self.blocks.count,
                took: pass.began.duration(to: self.now),
                processing: pass.processing
            )
            for key in pass.keys {
                self.hops[index].gathering.answered(key, now: self.now)
                let way = Duration.milliseconds(1 + 0.2 * self.fraction())
                self.arrivals.append(Arrival(key: key, hop: index + 1, at: self.now + way))
            }
        }

        private mutating func arrive(_ arrival: Arrival) {
            let index = arrival.hop % self.hops.count
            if arrival.hop > 0, index == 0 { self.tokens += 1 }
            self.hops[index].gathering.arrived(arrival.key, in: self.blocks, tokens: 1, now: self.now)
            self.hops[index].ready.append(arrival.key)
            self.hops[index].wakesAt = nil
        }

        private mutating func begin(_ index: Int) {
            let hop = self.hops[index]
            guard hop.pass == nil, !hop.ready.isEmpty, hop.wakesAt.map({ $0 <= self.now }) ?? true else { return }
            if self.waits {
                let moment = self.hops[index].gathering.pause(rows: hop.ready.count, in: self.blocks, now: self.now)
                self.hops[index].wakesAt = moment
                guard moment == nil else { return }
            }
            self.hops[index].gathering.began(now: self.now)
            let duration = Duration.milliseconds(5 + 0.4 * Double(hop.ready.count)) * (0.95 + 0.1 * self.fraction())
            self.hops[index].pass = Pass(keys: hop.ready, began: self.now, left: duration)
            self.hops[index].ready = []
        }
    }

    private func tokens(isOneMachine: Bool, waits: Bool, seed: UInt64) throws -> Int {
        var chain = try Chain(isOneMachine: isOneMachine, waits: waits, seed: seed)
        return chain.run()
    }

    @Test(arguments: 1...5)
    func `on machines of their own hops run a tenth more tokens`(seed: UInt64) throws {
        let (with, without) = (
            try self.tokens(isOneMachine: false, waits: true, seed: seed),
            try self.tokens(isOneMachine: false, waits: false, seed: seed)
        )
        #expect(Double(with) > 1.1 * Double(without))
    }

    @Test(arguments: 1...5)
    func `where hops share a processor they run twice as many tokens`(seed: UInt64) throws {
        let (with, without) = (
            try self.tokens(isOneMachine: true, waits: true, seed: seed),
            try self.tokens(isOneMachine: true, waits: false, seed: seed)
        )
        #expect(Double(with) > 2 * Double(without))
    }
}
