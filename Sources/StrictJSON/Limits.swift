/// The bound of everything that a document can make `StrictJSON` hold, each with its reason (DESIGN.md §7).
enum Limits {
    /// Bytes of one document; the largest published tokenizers are near 35 MB. Who reads a file bounds it closer.
    static let bytes = 128 << 20
    /// Objects and arrays within one another: real documents stay below 10, and what walks them recurses.
    static let depth = 64
    /// Values of one document: a tokenizer with 500,000 tokens and as many merges written as pairs stays below half.
    static let values = 1 << 22
}
