/// The bound of everything that others can make `Model` hold, each with its reason (DESIGN.md §7).
package enum Limits {
    /// Bytes of `config.json` and the other small JSON files; the largest real ones are below 40 KiB.
    package static let configurationBytes = 1 << 20
    /// Bytes of `tokenizer.json`; the largest real ones are about 35 MiB.
    package static let tokenizerBytes = 128 << 20
    /// Bytes of `model.safetensors.index.json`; that of a 671B model is 9 MiB.
    package static let indexBytes = 32 << 20
    /// Bytes of one safetensors header. The format allows 100 MB; the largest real ones are near 1 MiB.
    package static let headerBytes = 16 << 20
    /// Tensors in one file: a header of the size above cannot name more real ones.
    package static let tensorsPerFile = 1 << 17
    /// Files that one index may name; real models have up to 200.
    package static let shards = 4096
    /// Dimensions of one tensor; the weights read here have two, others in the same file a few more.
    package static let tensorRank = 8

    /// The largest width (hidden, feed-forward, heads × dimension) that products are sized for: 2²⁰ stays exact in
    /// f32, and its square in a 64-bit size.
    package static let width = 1 << 20
    package static let blockCount = 4096
    package static let vocabularySize = 1 << 22
    /// Angles up to this many radians are reduced exactly (`kw_sin`).
    package static let contextLength = 1 << 20
    package static let headCount = 4096
    /// Experts of one block; the largest real models have 512.
    package static let experts = 1024
    /// Experts of a whole model, each of which has three tensors; the largest real models have about 30,000.
    package static let expertsOfModel = 1 << 16
    /// Attention keeps eight rows of this width on its stack.
    package static let headDimension = 512

    /// Bytes read of a file in which the kernel tells of memory; they have some thousand.
    package static let systemFileBytes = 1 << 16

    /// Tokens that pass through the blocks together. A longer prefill runs as several such passes, so that its
    /// scratch memory stays bounded; the result is the same to the bit.
    package static let tokensPerPass = 256
    /// Tokens that a sequence can be cut back by where blocks keep a window only: several of the coordinator's steps,
    /// or a turn of a conversation. Cut back further, it is computed again from its start.
    package static let rollback = 1024
    /// Threads of one loaded range.
    package static let threads = 256
}
