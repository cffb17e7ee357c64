public import ShardProtocol

/// A finished generation.
public struct Generation: Sendable {
    /// The prompt as tokens, special ones included.
    public var promptTokens: [UInt32]
    /// The generated tokens; an end-of-sequence token that ended it is the last of them.
    public var tokens: [UInt32]
    /// The generated text: what the tokens add to the prompt's text, up to a stop string.
    public var text: String
    public var finishReason: FinishReason
    /// Whether a repetition gives the same bits; false when a plain 1.0.0 server took part.
    public var isExact: Bool
    /// The logits of each generated token, when the options asked for them: [tokens, vocabulary].
    public var logits: [[Float]]
    public var statistics: GenerationStatistics
}

/// What happens while a generation runs.
public enum GenerationEvent: Sendable {
    /// A chain has been found.
    case planned(hops: [(name: String, blocks: BlockRange)])
    /// So many prompt tokens have gone through the chain.
    case prefilled(tokens: Int, of: Int)
    /// Text of the prompt, as the tokenizer writes it; comes once, before any generated text.
    case promptText(String)
    /// A span was lost, and others run it now; the text goes on as it would have.
    case recovered(Recovery)
    /// More generated text, in whole characters.
    case text(String)
}
