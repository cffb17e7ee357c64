public import Model

/// What a token would take with every block of a model on this machine.
public enum LocalEstimate: Sendable {
    /// The weights are not here.
    case absent
    /// Blocks, caches and the rest need more bytes than are free.
    case tooLarge(needed: Int, free: Int)
    case expected(Duration)

    /// Runs a few tokens through the first and the last block and takes the others for as slow as the first.
    ///
    /// Busy for as long as two blocks take to load; it belongs on a thread that may be.
    ///
    /// - Parameters:
    ///   - tokens: how many positions a sequence would fill.
    ///   - freeMemory: bytes that may be used; nil where any number may.
    public init(_ model: ModelDirectory, tokens: Int, threads: Int, freeMemory: Int?) throws(ModelError) {
        let blockCount = model.configuration.blockCount
        guard try model.missingTensors(for: 0..<blockCount).isEmpty else {
            self = .absent
            return
        }
        let needed = try model.memoryNeed(of: 0..<blockCount, kvMemory: .tokens(tokens)).total
        if let freeMemory, needed > freeMemory {
            self = .tooLarge(needed: needed, free: freeMemory)
            return
        }
        let last = try Self.tokenTime(model, blockCount - 1, threads)
        self = .expected(blockCount == 1 ? last : try Self.tokenTime(model, 0, threads) * (blockCount - 1) + last)
    }

    /// Tokens whose times are looked at; the first ones warm the caches.
    private static let measuredTokens = 8
    private static let warmingTokens = 4

    /// The median of some decode steps through one block, with the embedding or the head where it has one.
    private static func tokenTime(_ model: ModelDirectory, _ block: Int, _ threads: Int) throws(ModelError) -> Duration
    {
        let loaded = try LoadedRange(model, range: block..<block + 1, threads: threads)
        let configuration = model.configuration
        let count = min(Self.warmingTokens + Self.measuredTokens, configuration.contextLength)
        let cache = try loaded.makeCache(maximumTokens: count)
        let row = Numerics.halves((0..<configuration.hiddenSize).map { Float($0 % 7) / 8 - 0.375 })
        var times: [Duration] = []
        for position in 0..<count {
            let start = ContinuousClock.now
            _ = try loaded.forward(
                block == 0 ? .tokens([UInt32(position % configuration.vocabularySize)]) : .hidden(row),
                blocks: loaded.range,
                at: position,
                cache: cache,
                output: loaded.range.upperBound == configuration.blockCount ? .logits(.last) : .hidden
            )
            times.append(ContinuousClock.now - start)
        }
        let measured = times.suffix(Self.measuredTokens).sorted()
        return measured[measured.count / 2]
    }
}
