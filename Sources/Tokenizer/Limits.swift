/// The bound of everything that others can make `Tokenizer` hold, each with its reason (DESIGN.md §7).
///
/// A tokenizer file comes from strangers as often as a model does, so each bound is a few times what the largest
/// published tokenizers need.
package enum Limits {
    /// Bytes of a `tokenizer.json`; the largest published ones are near 35 MB.
    package static let fileBytes = 128 << 20
    /// Ids of a vocabulary; the largest published ones are near 262,144.
    package static let vocabulary = 1 << 21
    /// Bytes of one token; real ones stay below 1,024.
    package static let tokenBytes = 4096
    /// The squares of the lengths of all tokens that merge by their scores, in bytes: each is looked up cut at every place.
    /// Gemma's 256,000 tokens are near 20 million.
    package static let scoredTokenWork = 1 << 30
    /// Bytes of one word piece: a text is searched as far from each of its pieces on. Real ones stay below 100.
    package static let wordPieceBytes = 256
    /// Bytes of all word pieces together, of which a tree is made; LaBSE's 501,153 have about 4 million.
    package static let wordPiecesBytes = 8 << 20
    /// Tokens that are matched in the text as they stand; the largest published lists are near 7,000.
    package static let addedTokens = 1 << 16
    /// Bytes of one regular expression; real ones stay below 1,000.
    package static let patternBytes = 1 << 14
    /// Bytes of all added tokens together, of which a tree is made; the largest published lists stay below 100,000.
    package static let addedTokenBytes = 1 << 20
    /// Bytes that a replacement puts in; real ones are one character. It bounds how fast a text can grow.
    package static let replacementBytes = 64
    /// Bytes of a text to encode: some million tokens, beyond every model's context.
    package static let textBytes = 16 << 20
    /// Bytes of a text while it is normalised, so that a hostile chain of replacements cannot multiply it without end.
    package static let normalizedBytes = 64 << 20
    /// Bytes that a text of `count` bytes may become while it is normalised, cut or decoded, so that a hostile chain of steps
    /// that each grow it cannot grow it without end. Unicode's own decompositions make one character 11 times as long.
    static func grownBytes(_ count: Int) -> Int { min(normalizedBytes, 16 * count + (1 << 16)) }
    /// Steps of one sequence of normalizers, pre-tokenizers, decoders or post-processors; real ones have below 10.
    package static let steps = 64
    /// Special tokens around a text; real tokenizers have one or two.
    package static let tokensAround = 1024
    /// Words that one call remembers, so that a long text does not fill the memory with rare ones.
    package static let rememberedWords = 1 << 15
    /// Bytes of a template's file or of a file beside the tokenizer; the largest published ones are near 1 MB.
    package static let templateFileBytes = 8 << 20
    /// Templates with names of their own; published models have at most four.
    package static let namedTemplates = 32
    /// Tokens that a stream holds back while a character is incomplete; a character has at most 4 bytes.
    package static let heldTokens = 64
}
