import Model
import P2PWire
import ShardProtocol
import SwarmCore
import Synchronization
import Testing

@testable import BlockServer

/// Passes that several sessions share give each what it would have got alone, to the bit.
@Suite struct BatchingTests {
    private static func sessions(_ compute: ComputeQueue) throws -> Sessions {
        Sessions(
            try TinyModel.loaded(),
            range: try BlockRange(0, TinyModel.blockCount),
            kvMemory: 1 << 28,
            speed: SpeedMeter(),
            compute: compute
        )
    }

    private func untilQueued(_ count: Int, _ sessions: Sessions) async {
        while sessions.state.withLock({ $0.scheduler.waitingCount }) < count { await Task.yield() }
    }

    @Test func `decode steps of several sessions share one pass`() async throws {
        let compute = ComputeQueue(label: "test")
        let sessions = try Self.sessions(compute)
        let peers = [Identity().peerID, Identity().peerID]
        var scripts = try (0..<8).map { try Script(seed: UInt64($0), peer: peers[$0 % 2], blocks: (0, 4), steps: 0) }
        for index in scripts.indices { try scripts[index].append(tokens: index + 1) }
        for script in scripts { try await script.run(on: sessions) }
        for index in scripts.indices { try scripts[index].append(tokens: 1) }
        let before = sessions.state.withLock { $0.scheduler.passCount }
        try await withThrowingTaskGroup { group in
            try await whileBusy(compute) {
                for script in scripts { group.addTask { try await script.run(on: sessions, from: 1) } }
                await self.untilQueued(8, sessions)
            }
            try await group.waitForAll()
        }
        #expect(sessions.state.withLock { $0.scheduler.passCount } == before + 1)
    }

    @Test(arguments: 0..<4) func `sessions that mix at random give what each gives alone`(seed: UInt64) async throws {
        let compute = ComputeQueue(label: "test")
        let sessions = try Self.sessions(compute)
        let peers = (0..<4).map { _ in Identity().peerID }
        let spans = [(0, 4), (0, 3), (0, 4), (2, 4), (1, 3)]
        let scripts = try (0..<16).map { number in
            try Script(
                seed: seed << 8 | UInt64(number),
                peer: peers[number % peers.count],
                blocks: spans[number % spans.count],
                steps: 8
            )
        }
        try await withThrowingTaskGroup { group in
            // The first of each meet; after that they mix as they come.
            try await whileBusy(compute) {
                for script in scripts { group.addTask { try await script.run(on: sessions) } }
                await self.untilQueued(scripts.count, sessions)
            }
            try await group.waitForAll()
        }
        #expect(sessions.state.withLock { $0.waiters.isEmpty && $0.work.isEmpty && !$0.isComputing })
        for script in scripts { #expect(await sessions.answer(script.peer, script.session.close()).code == .ok) }
        #expect(sessions.count == 0)
        #expect(sessions.freeKVBytes == 1 << 28)
    }
}

/// The steps of one session, and what each gives where nobody else is served.
private struct Script: Sendable {
    enum Manner: CaseIterable { case once, twice, givenUpFirst }

    struct Step: Sendable {
        var request: InferenceRequest
        var manner: Manner
        var expected: [UInt16]
    }

    let peer: PeerID
    let session: TestSession
    private(set) var steps: [Step] = []
    private var length = 0
    private var generator: Seeded
    private let loaded: LoadedRange
    private let cache: KVCache

    init(seed: UInt64, peer: PeerID, blocks: (Int, Int), steps: Int) throws {
        self.generator = Seeded(state: seed)
        self.peer = peer
        self.session = try TestSession(id: seed, blocks.0, blocks.1)
        self.loaded = try TinyModel.loaded()
        self.cache = try self.loaded.makeCache(blocks: blocks.0..<blocks.1)
        for _ in 0..<steps { try self.appendRandom() }
    }

    private mutating func appendRandom() throws {
        // Mostly decoding, some prefills of up to more than a pass, some cut back.
        let isPrefill = self.length == 0 || Int.random(in: 0..<5, using: &self.generator) == 0
        let isRollback = self.length > 1 && Int.random(in: 0..<5, using: &self.generator) == 0
        let position = isRollback ? Int.random(in: 1..<self.length, using: &self.generator) : self.length
        let longest = min(isPrefill ? 300 : 3, TinyModel.context - position)
        guard longest > 0 else { return try self.append(tokens: 1, at: 1) }
        let count = Int.random(in: 1...longest, using: &self.generator)
        try self.append(tokens: count, at: position, Manner.allCases[Int.random(in: 0..<3, using: &self.generator)])
    }

    mutating func append(tokens count: Int, at position: Int? = nil, _ manner: Manner = .once) throws {
        let position = position ?? self.length
        let blocks = self.session.blocks
        let isLast = blocks.upperBound == TinyModel.blockCount
        let final = Int.random(in: 1...count, using: &self.generator)
        let choices: [(StepExtension.Logits, LoadedRange.Output.Tokens)] = [
            (.last, .last), (.every, .every), (.final(UInt32(final)), .final(final)),
        ]
        let wanted = choices[isLast ? Int.random(in: 0..<3, using: &self.generator) : 0]
        var request = self.session.tokens(
            (0..<count).map { _ in .random(in: 0..<UInt32(TinyModel.vocabulary), using: &self.generator) },
            at: UInt32(position),
            step: UInt32(self.steps.count),
            rollback: position < self.length,
            logits: wanted.0
        )
        if blocks.lowerBound > 0 {
            let values = (0..<count * TinyModel.hidden).map { _ in Float.random(in: -1...1, using: &self.generator) }
            request.payload = .hiddenStates(try Activations(tokens: count, halves: Numerics.halves(values)))
        }
        self.cache.truncate(to: position)
        let expected = try self.loaded.forward(
            StepInput(request, range: try BlockRange(0, 4), configuration: self.loaded.configuration).input,
            blocks: blocks.indices,
            at: position,
            cache: self.cache,
            output: isLast ? .logits(wanted.1) : .hidden
        )
        self.length = position + count
        self.steps.append(Step(request: request, manner: manner, expected: expected))
    }

    /// Sends the steps one after another and compares.
    func run(on sessions: Sessions, from first: Int = 0) async throws {
        for step in self.steps[first...] {
            let (peer, request) = (self.peer, step.request)
            if step.manner == .givenUpFirst {
                await withTaskGroup { group in
                    group.addTask { _ = await sessions.answer(peer, request) }
                    await Task.yield()
                    group.cancelAll()
                }
            }
            async let retry = step.manner == .twice ? sessions.answer(peer, request) : nil
            for answer in [await sessions.answer(peer, request), await retry] {
                guard let answer else { continue }
                #expect(answer.code == .ok, "\(answer.error ?? "")")
                #expect(answer.activations.halves == step.expected, "step \(request.step?.step ?? 0)")
            }
        }
    }
}

/// The same numbers for the same seed (SplitMix64).
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
