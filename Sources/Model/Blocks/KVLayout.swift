internal import CKernels

/// Where things stand in a page of a cache: [block][key head][tile], a tile being keys [dimension][64] and values
/// [64][valueStride].
struct KVLayout: Sendable {
    let headDimension: Int
    let keyValueHeadCount: Int
    let storage: kw_type
    let elementBytes: Int

    static let tilesPerPage = KVCache.pageTokens / Int(KW_TILE)

    init(_ configuration: ModelConfiguration, rounding: Rounding) {
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

    /// The first tile of a head of a block, counted from the span's first.
    func offset(block: Int, head: Int) -> Int {
        block * self.pageBytesPerBlock + head * Self.tilesPerPage * self.tileBytes
    }
}

extension ModelConfiguration {
    /// Bytes that one token takes in a KV-cache for each block: what a coordinator plans with.
    public var kvBytesPerTokenAndBlock: Int {
        KVLayout(self, rounding: .toHalf).pageBytesPerBlock / KVCache.pageTokens
    }
}
