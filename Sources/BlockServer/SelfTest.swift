internal import Model

/// The forward pass that loaded blocks must get right before a server calls itself online (DESIGN.md §4).
///
/// The same few tokens in one chunk and one by one: both must give finite numbers, the same to the bit. Weights that were
/// read wrongly, a broken kernel and faulty memory rarely survive that.
enum SelfTest {
    private static let tokenCount = 4
    /// Decode steps that measure the speed, after the ones that are compared.
    private static let measuredSteps = 4

    /// - Returns: the speed of the decode steps.
    /// - Throws: `BlockServerError` with `selfTestFailed`.
    static func run(_ loaded: LoadedRange) throws(BlockServerError) -> SpeedMeter {
        var meter = SpeedMeter()
        let isSame: Bool
        do throws(ModelError) {
            let whole = try Self.chunk(loaded)
            let single = try Self.decode(loaded, &meter)
            isSame = whole.suffix(single.count).elementsEqual(single)
        } catch {
            throw Self.failure(loaded, error.message)
        }
        guard isSame else { throw Self.failure(loaded, "one chunk and single tokens gave different numbers") }
        return meter
    }

    private static func failure(_ loaded: LoadedRange, _ reason: String) -> BlockServerError {
        BlockServerError(
            .selfTestFailed,
            "the self-test of blocks \(loaded.range.lowerBound)..\(loaded.range.upperBound) failed: \(reason);"
                + " download the weights again, and check this machine's memory if that does not help"
        )
    }

    /// What all tokens in one chunk give.
    private static func chunk(_ loaded: LoadedRange) throws(ModelError) -> [UInt16] {
        try loaded.forward(
            Self.input(loaded, Self.tokenCount),
            blocks: loaded.range,
            at: 0,
            cache: loaded.makeCache(),
            output: Self.output(loaded)
        )
    }

    /// What the last of the same tokens gives when they come one by one; then some more for the speed.
    private static func decode(_ loaded: LoadedRange, _ meter: inout SpeedMeter) throws(ModelError) -> [UInt16] {
        let cache = try loaded.makeCache()
        var last: [UInt16] = []
        for position in 0..<min(Self.tokenCount + Self.measuredSteps, loaded.configuration.contextLength) {
            let start = ContinuousClock.now
            let values = try loaded.forward(
                Self.input(loaded, 1, from: position),
                blocks: loaded.range,
                at: position,
                cache: cache,
                output: Self.output(loaded)
            )
            meter.measured(blocks: loaded.range.count, tokens: 1, took: start.duration(to: .now))
            if position < Self.tokenCount { last = values }
        }
        return last
    }

    private static func output(_ loaded: LoadedRange) -> LoadedRange.Output {
        loaded.range.upperBound == loaded.configuration.blockCount ? .logits(.last) : .hidden
    }

    /// Tokens, or values between -1 and 1 in f16, that differ from position to position.
    private static func input(_ loaded: LoadedRange, _ count: Int, from position: Int = 0) -> LoadedRange.Input {
        let positions = position..<position + count
        guard loaded.range.lowerBound > 0 else {
            return .tokens(positions.map { UInt32($0 % loaded.configuration.vocabularySize) })
        }
        return .hidden(
            positions.flatMap { position in
                (0..<loaded.configuration.hiddenSize).map { column in
                    let number = Numerics.random(seed: UInt64(column), position: UInt64(position))
                    return Numerics.halves([Float(2 * number - 1)])[0]
                }
            }
        )
    }
}
