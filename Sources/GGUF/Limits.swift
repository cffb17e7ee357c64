/// The bound of everything that a file can make `GGUF` hold or do, each with its reason (DESIGN.md §7).
enum Limits {
    /// Bytes before the tensors' data. Vocabularies of 256,000 tokens take about 10 MiB, an embedded `tokenizer.json`
    /// 35 MiB.
    static let headerBytes = 256 << 20
    /// Pairs of metadata; real files have below 100, split ones a few more.
    static let metadataCount = 1 << 12
    /// Bytes of a key, as the specification says.
    static let keyBytes = 65_535
    /// Elements of one metadata array: the largest are a vocabulary's tokens and its merges, below 600,000 each.
    static let arrayCount = 1 << 22
    /// Tensors of one file; a model of 100 blocks with separate experts has about 40,000.
    static let tensorCount = 1 << 17
    /// Bytes of a tensor's name, as the specification says.
    static let tensorNameBytes = 64
    /// Dimensions of a tensor, as the specification says.
    static let tensorRank = 4
    /// The largest alignment: a huge page's part; real files have 32.
    static let alignment = 1 << 16
}
