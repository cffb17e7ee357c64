internal import CKernels

/// Where things stand in a page of a cache: [block][key head][tile], a tile being keys [dimension][64] and values
/// [64][valueStride].
struct KVLayout: Sendable {
    let headDimension: Int
    let keyValueHeadCount: Int
    let storage: kw_type
    let elementBytes: Int
    /// The widest window of the model's blocks; nil where all blocks keep everything.
    let window: Int?
    /// Tokens that a sequence with a window can be cut back by.
    let rollback: Int

    static let tilesPerPage = KVCache.pageTokens / Int(KW_TILE)

    init(_ configuration: ModelConfiguration, rounding: Rounding, rollback: Int = Limits.rollback) {
        self.window = configuration.blockKinds.compactMap(\.window).max()
        self.rollback = rollback
        self.headDimension = configuration.headDimension
        self.keyValueHeadCount = configuration.keyValueHeadCount
        self.storage = rounding.storage
        self.elementBytes = rounding.storageBytes
    }

    /// The width of a value's row: whole vectors, so that no kernel has a tail there.
    var valueStride: Int {
        (self.headDimension + Int(KW_VALUE_STEP) - 1) / Int(KW_VALUE_STEP) * Int(KW_VALUE_STEP)
    }

    var tileBytes: Int { (self.headDimension + self.valueStride) * Int(KW_TILE) * self.elementBytes }

    /// Bytes that one block takes in a page.
    var pageBytesPerBlock: Int { self.keyValueHeadCount * Self.tilesPerPage * self.tileBytes }

    /// Pages that blocks with a window keep, used again in a circle: the window, what a pass adds while it reads, and
    /// what may be taken back (DESIGN.md §6.4).
    var ringPages: Int {
        pages(of: (self.window ?? 0) + Limits.tokensPerPass + self.rollback)
    }

    func pages(of tokens: Int) -> Int { (tokens + KVCache.pageTokens - 1) / KVCache.pageTokens }

    /// The first tile of a head of a block, counted from the first whose pages these are.
    func offset(block: Int, head: Int) -> Int {
        block * self.pageBytesPerBlock + head * Self.tilesPerPage * self.tileBytes
    }
}

extension ModelConfiguration {
    /// Bytes that a sequence of `tokens` tokens takes in a KV-cache for `blocks`: whole pages, and no more of them than
    /// a window needs.
    public func kvBytes(blocks: Range<Int>, tokens: Int) -> Int {
        let layout = KVLayout(self, rounding: .toHalf)
        let pages = layout.pages(of: tokens)
        return blocks.clamped(to: self.blockKinds.indices).reduce(0) { sum, block in
            let kept = self.blockKinds[block].window == nil ? pages : min(pages, layout.ringPages)
            return sum + kept * layout.pageBytesPerBlock
        }
    }

    /// Bytes that one token takes in a KV-cache for each block that keeps everything.
    public var kvBytesPerTokenAndBlock: Int {
        KVLayout(self, rounding: .toHalf).pageBytesPerBlock / KVCache.pageTokens
    }
}
