import SwarmCore

/// How many of the next tokens are guessed from what the text said before, and judged in one pass with the next one: fewer
/// round trips where guesses are right.
public enum Speculation: Hashable, Sendable {
    case off
    /// As many as pay by what was measured.
    case auto
    /// Always so many, where there is a guess.
    case tokens(Int)

    var choice: DraftLength.Choice {
        switch self {
        case .off: .fixed(0)
        case .auto: .measured
        case .tokens(let count): .fixed(count)
        }
    }
}

/// What to generate and when to stop.
public struct GenerationOptions: Sendable {
    public var sampling: SamplingOptions
    /// The most tokens to generate.
    public var maxTokens: Int
    /// Generation ends where one of these would appear; it is not part of the text.
    public var stopStrings: [String]
    /// Tokens that end a generation besides those that the model names, such as the end of a turn.
    public var endTokens: Set<UInt32>
    /// Goes on past the end-of-sequence token, up to ``maxTokens``.
    public var ignoresEndOfSequence: Bool
    /// How many prompt tokens go through the chain as one step; several steps are under way at once. The result does not depend on it (DESIGN.md §6.2).
    public var prefillChunk: Int
    /// Whether tokens are guessed and several judged in one pass. The text does not depend on it.
    public var speculation: Speculation
    /// Keeps the logits of every generated token in ``Generation/logits``.
    public var keepsLogits: Bool

    public init(
        sampling: SamplingOptions = SamplingOptions(),
        maxTokens: Int = 128,
        stopStrings: [String] = [],
        endTokens: Set<UInt32> = [],
        ignoresEndOfSequence: Bool = false,
        prefillChunk: Int = 64,
        speculation: Speculation = .auto,
        keepsLogits: Bool = false
    ) {
        self.sampling = sampling
        self.maxTokens = maxTokens
        self.stopStrings = stopStrings
        self.endTokens = endTokens
        self.ignoresEndOfSequence = ignoresEndOfSequence
        self.prefillChunk = prefillChunk
        self.speculation = speculation
        self.keepsLogits = keepsLogits
    }

    func validate() throws(CoordinatorError) {
        try self.sampling.validate()
        guard self.maxTokens > 0 else {
            throw .invalidOption("max-tokens \(self.maxTokens) is not usable: give a number of at least 1")
        }
        guard (1...Limits.prefillChunk).contains(self.prefillChunk) else {
            throw .invalidOption(
                "a prefill chunk of \(self.prefillChunk) tokens is not usable: give 1 to \(Limits.prefillChunk)"
            )
        }
    }
}
