internal import CKernels

/// How the threads of a pass share its attention: by key heads and tokens, and where one token has a long context by
/// tiles of it (DESIGN.md §6.4).
extension Attention {
    func attend(_ queries: Rows, into y: Rows, block: Int, _ pass: Pass) {
        var parts = 0
        for segment in pass.segments {
            if self.isLong(segment, pass) {
                self.attendTiles(queries, into: y, block: block, segment, pass)
            } else {
                parts += self.parts(of: segment)
            }
        }
        pass.split(parts, grain: 1) { range in
            var first = 0
            for segment in pass.segments where !self.isLong(segment, pass) {
                let own = range.clamped(to: first..<first + self.parts(of: segment))
                for part in own { self.attend(part - first, queries, into: y, block: block, segment, pass) }
                first += self.parts(of: segment)
            }
        }
    }

    // MARK: By key heads and tokens

    /// Query tokens of one key head that one thread takes at a time.
    private static let tokensPerPart = 16

    private func chunks(of segment: Pass.Segment) -> Int {
        (segment.rows.count + Self.tokensPerPart - 1) / Self.tokensPerPart
    }

    private func parts(of segment: Pass.Segment) -> Int { self.keyValueHeadCount * self.chunks(of: segment) }

    private func attend(
        _ part: Int,
        _ queries: Rows,
        into y: Rows,
        block: Int,
        _ segment: Pass.Segment,
        _ pass: Pass
    ) {
        let chunks = self.chunks(of: segment)
        let first = part % chunks * Self.tokensPerPart
        let end = min(first + Self.tokensPerPart, segment.rows.count)
        var attention = self.attention(queries, into: y, block: block, keyHead: part / chunks, segment)
        kw_attend(pass.kernels.table, &attention, first, end)
    }

    // MARK: By tiles

    /// Tiles from which on splitting them pays for putting them together.
    private static let longTiles = 16

    private func isLong(_ segment: Pass.Segment, _ pass: Pass) -> Bool {
        segment.rows.count == 1 && pass.isParallel && self.keyValueHeadCount < 4 * pass.pool.threads
            && self.tiles(of: segment).count >= Self.longTiles
    }

    /// The tiles that the segment's first token sees.
    private func tiles(of segment: Pass.Segment) -> Range<Int> {
        let first = self.window.map { max(segment.position + 1 - $0, 0) } ?? 0
        return first / Int(KW_TILE)..<segment.position / Int(KW_TILE) + 1
    }

    private func attendTiles(_ queries: Rows, into y: Rows, block: Int, _ segment: Pass.Segment, _ pass: Pass) {
        let partials = pass.scratch.partials
        let end = self.tiles(of: segment).upperBound
        var next = self.tiles(of: segment).lowerBound
        var held = 0
        while next < end {
            let (first, slot, count) = (next, held, min(end - next, partials.capacity - held))
            pass.split(self.keyValueHeadCount * count, grain: 1) { parts in
                for head in parts.lowerBound / count...(parts.upperBound - 1) / count {
                    let own = parts.clamped(to: head * count..<(head + 1) * count)
                    let skipped = own.lowerBound - head * count
                    var attention = self.attention(queries, into: y, block: block, keyHead: head, segment)
                    kw_attend_tiles(
                        pass.kernels.table,
                        &attention,
                        0,
                        first + skipped,
                        first + skipped + own.count,
                        partials.tile(slot + skipped, keyHead: head),
                        partials.tileStride
                    )
                }
            }
            (next, held) = (next + count, held + count)
            self.merge(held, into: next == end ? y : nil, queries, block: block, segment, pass)
            held = 1
        }
    }

    /// Puts the first `count` tiles of every head together, in the place of the first or finished in `y`.
    private func merge(
        _ count: Int,
        into y: Rows?,
        _ queries: Rows,
        block: Int,
        _ segment: Pass.Segment,
        _ pass: Pass
    ) {
        let partials = pass.scratch.partials
        pass.split(self.headCount, grain: 1) { heads in
            for head in heads {
                let keyHead = head / self.headsPerKeyHead
                var attention = self.attention(queries, into: queries, block: block, keyHead: keyHead, segment)
                let tile = partials.tile(0, keyHead: keyHead)
                kw_merge_tiles(
                    pass.kernels.table,
                    &attention,
                    count,
                    tile + head % self.headsPerKeyHead * partials.partialSize,
                    partials.tileStride,
                    y.map { $0[segment.rows.lowerBound] + head * self.headDimension }
                )
            }
        }
    }

    // MARK: Both

    private var headsPerKeyHead: Int { self.headCount / self.keyValueHeadCount }

    /// The queries of a segment that share a key head.
    private func attention(
        _ queries: Rows,
        into y: Rows,
        block: Int,
        keyHead: Int,
        _ segment: Pass.Segment
    ) -> kw_attention {
        let first = segment.rows.lowerBound * queries.width + keyHead * self.headsPerKeyHead * self.headDimension
        var attention = segment.cache.attention(block: block, head: keyHead)
        attention.queries = UnsafePointer(queries.start + first)
        attention.output = y.start + first
        attention.query_stride = queries.width
        attention.tokens = segment.rows.count
        attention.heads = self.headsPerKeyHead
        attention.position = segment.position
        attention.window = self.window ?? 0
        attention.scale = self.scale
        attention.soft_cap = self.scoreCap ?? 0
        return attention
    }
}

/// What the tiles of one token's context yield, before they are put together: [key head][tile][head][partialSize].
struct PartialTiles {
    /// Tiles of a key head that fit; a longer context takes several rounds.
    let capacity: Int
    /// Floats that one tile yields for one query head.
    let partialSize: Int
    /// Floats from tile to tile.
    let tileStride: Int
    private let buffer: FloatBuffer

    /// 16,384 tokens a round: 2.6 MiB in a model of 1B.
    private static let tilesPerRound = 256

    init(_ configuration: ModelConfiguration) {
        let tiles = (configuration.contextLength + Int(KW_TILE) - 1) / Int(KW_TILE)
        let stride = KVLayout(configuration, rounding: .toHalf).valueStride
        self.capacity = min(tiles, Self.tilesPerRound) + 1
        self.partialSize = Int(KW_PARTIAL_OUTPUT) + stride
        self.tileStride = configuration.headCount / configuration.keyValueHeadCount * self.partialSize
        self.buffer = FloatBuffer(count: configuration.keyValueHeadCount * self.capacity * self.tileStride)
    }

    func tile(_ index: Int, keyHead: Int) -> UnsafeMutablePointer<Float> {
        self.buffer.start + (keyHead * self.capacity + index) * self.tileStride
    }
}
