internal import ShardProtocol
internal import SwarmCore

/// Rows of one number each, in place of token ids and activations.
struct ToyRows: SpanPayload, Hashable {
    var values: [UInt64]

    var tokenCount: Int { self.values.count }
    var byteCount: Int { 8 * self.values.count }

    func rows(_ range: Range<Int>) -> ToyRows { ToyRows(values: Array(self.values[range])) }

    static func joined(_ payloads: [ToyRows]) -> ToyRows { ToyRows(values: payloads.flatMap(\.values)) }
}

/// A model whose every number depends on the block and on all tokens that came before: what is lost, repeated, taken back
/// wrongly or run out of order shows in every later token.
struct ToyModel: Sendable {
    let blockCount: Int
    /// Other weights give other numbers.
    var weights: UInt64 = 0
    static let vocabulary: UInt64 = 997

    /// What some blocks have made of each token of a sequence.
    struct Cache: Sendable {
        let blocks: BlockRange
        fileprivate var states: [[UInt64]]

        init(_ blocks: BlockRange) {
            self.blocks = blocks
            self.states = Array(repeating: [], count: blocks.count)
        }

        var length: Int { self.states[0].count }

        mutating func truncate(to length: Int) {
            for index in self.states.indices { self.states[index].removeSubrange(min(length, self.length(index))...) }
        }

        private func length(_ index: Int) -> Int { self.states[index].count }
    }

    /// Runs rows over the blocks of `cache`, behind what it holds.
    func run(_ rows: some Collection<UInt64>, _ cache: inout Cache) -> [UInt64] {
        var rows = Array(rows)
        for (index, block) in cache.blocks.indices.enumerated() {
            for row in rows.indices {
                let before = cache.states[index].last ?? 0
                rows[row] = Self.mix(rows[row] ^ Self.mix(before &+ UInt64(block)) &+ self.weights)
                cache.states[index].append(rows[row])
            }
        }
        return rows
    }

    /// What the first block is given for a token.
    static func row(_ token: UInt64) -> UInt64 { Self.mix(token) }

    /// The token that comes next, by the last block's row.
    static func token(_ row: UInt64) -> UInt64 { row % Self.vocabulary }

    /// The tokens that follow `prompt` on one machine that nothing disturbs.
    func continuation(of prompt: [UInt64], count: Int) -> [UInt64] {
        guard let blocks = try? BlockRange(0, self.blockCount) else { preconditionFailure("a model has blocks") }
        var cache = Cache(blocks)
        var rows = self.run(prompt.map(Self.row), &cache)
        var tokens: [UInt64] = []
        for _ in 0..<count {
            let token = Self.token(rows.last ?? 0)
            tokens.append(token)
            rows = self.run([Self.row(token)], &cache)
        }
        return tokens
    }

    /// SplitMix64's mixer.
    static func mix(_ value: UInt64) -> UInt64 {
        var value = value &+ 0x9e37_79b9_7f4a_7c15
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
