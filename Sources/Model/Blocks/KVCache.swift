internal import CKernels
internal import Synchronization

/// The keys and values of one sequence in the blocks of one span.
///
/// Memory comes in pages of 256 tokens, each with four tiles of 64 positions for every block and key head; a tile
/// holds keys as [dimension][64] and values as [64][dimension], which is how attention reads them (DESIGN.md §6.4).
/// Blocks with a window have pages of their own, no more of them than the window needs.
/// One pass uses a cache at a time; `LoadedRange.forward` says so where two try.
public final class KVCache: @unchecked Sendable {
    // Sendable: `state` is locked, and the memory behind it belongs to the pass that took the cache.

    /// The tokens of one page.
    public static let pageTokens = 256

    public let blocks: Range<Int>
    /// The most tokens that it will hold.
    public let maximumTokens: Int

    private struct State {
        var length = 0
        var isTaken = false
        var pageCount = 0
        /// Where the positions end that were written since the start.
        var written = 0
    }

    private let state = Mutex(State())
    private let layout: KVLayout
    private let whole: PageTable
    private let windowed: PageTable
    /// Where each block's tiles are.
    private let places: [Place]

    private struct Place {
        var table: PageTable
        /// Of the block among those of the table.
        var index: Int
    }

    /// - Parameter windows: of each of `blocks`; nil for one that keeps everything.
    init(layout: KVLayout, blocks: Range<Int>, windows: [Int?], maximumTokens: Int) {
        self.layout = layout
        self.blocks = blocks
        self.maximumTokens = maximumTokens
        let capacity = layout.pages(of: maximumTokens)
        func table(_ count: Int, circle: Int) -> PageTable {
            PageTable(capacity: capacity, pageBytes: count * layout.pageBytesPerBlock, circle: circle)
        }
        let whole = table(windows.count { $0 == nil }, circle: capacity)
        let windowed = table(windows.count { $0 != nil }, circle: layout.ringPages)
        self.places = windows.enumerated().map { position, window in
            let before = windows.prefix(position).count { ($0 == nil) == (window == nil) }
            return Place(table: window == nil ? whole : windowed, index: before)
        }
        (self.whole, self.windowed) = (whole, windowed)
    }

    deinit {
        self.whole.deallocate()
        self.windowed.deallocate()
    }

    /// The tokens that it holds.
    public var length: Int { self.state.withLock { $0.length } }

    /// The bytes that its pages take now.
    public var byteCount: Int {
        let count = self.state.withLock { $0.pageCount }
        return self.whole.byteCount(entries: count) + self.windowed.byteCount(entries: count)
    }

    /// Forgets everything from position `length` on. Longer than it is: no change. Its pages are kept.
    ///
    /// Where blocks keep a window and what it held at `length` is overwritten, everything is forgotten: `length` is 0
    /// afterwards. Up to 1,024 tokens can be taken back.
    public func truncate(to length: Int) {
        self.state.withLock { state in
            state.length = self.continuable(min(state.length, max(length, 0)), written: state.written)
            if state.length == 0 { state.written = 0 }
        }
    }

    /// `length`, or 0 where a window's positions before it were overwritten by some as far as a circle behind them.
    private func continuable(_ length: Int, written: Int) -> Int {
        guard let window = self.layout.window, self.windowed.pageBytes > 0 else { return length }
        let first = max(length + 1 - window, 0)
        return first + self.windowed.circle * Self.pageTokens >= written ? length : 0
    }
}

// MARK: For the pass that uses it

extension KVCache {
    /// Takes the cache for a pass over `count` tokens from `position` on, and finds memory for them.
    func take(position: Int, count: Int) throws(ModelError) {
        let (taken, length) = self.state.withLock { state in
            defer { state.isTaken = true }
            return (state.isTaken, state.length)
        }
        guard !taken else {
            throw ModelError(.cacheInUse, "This cache takes part in another pass; wait for it to end.")
        }
        do throws(ModelError) {
            guard position == length else {
                throw ModelError(
                    .positionGap,
                    "The step begins at position \(position), and the cache holds \(length) tokens."
                )
            }
            guard count <= self.maximumTokens - position else {
                throw ModelError(
                    .contextExceeded,
                    "\(count) tokens from position \(position) on exceed the \(self.maximumTokens) of this sequence."
                )
            }
            try self.reserve(tokens: position + count)
            self.state.withLock { $0.written = max($0.written, position + count) }
        } catch {
            self.release(length: nil)
            throw error
        }
    }

    /// Ends the use; a `length` commits what was written.
    func release(length: Int?) {
        self.state.withLock { state in
            state.isTaken = false
            state.length = length ?? self.continuable(state.length, written: state.written)
        }
    }

    private func reserve(tokens: Int) throws(ModelError) {
        let (existing, needed) = (self.state.withLock { $0.pageCount }, self.layout.pages(of: tokens))
        for index in existing..<max(existing, needed) {
            guard self.whole.add(index), self.windowed.add(index) else {
                let bytes = self.whole.pageBytes + self.windowed.pageBytes
                throw ModelError(.outOfMemory, "No memory for \(bytes) bytes of keys and values.")
            }
            self.state.withLock { $0.pageCount += 1 }
        }
    }

    /// One position in one head of one block.
    struct Slot {
        var block: Int
        var head: Int
        var position: Int
    }

    /// Writes a key, already rotated, and a value, [dimension] each, rounded as the cache stores them.
    func write(
        key: UnsafePointer<Float>,
        value: UnsafePointer<Float>,
        _ slot: Slot,
        _ pass: Pass
    ) {
        let dimension = self.layout.headDimension
        let tile = self.tile(slot)
        let column = slot.position % Int(KW_TILE)
        let values = tile + dimension * Int(KW_TILE) * self.layout.elementBytes
        let row = values + column * self.layout.valueStride * self.layout.elementBytes
        if self.layout.storage == kw_f32 {
            kw_place_keys(kw_f32, key, dimension, tile, column)
            row.copyMemory(from: value, byteCount: dimension * 4)
        } else {
            let narrowed = UnsafeMutableRawPointer(pass.scratch.head.start).assumingMemoryBound(to: UInt16.self)
            pass.count(kw_narrow(pass.kernels.table, key, narrowed, dimension))
            kw_place_keys(kw_f16, narrowed, dimension, tile, column)
            pass.count(
                kw_narrow(pass.kernels.table, value, row.assumingMemoryBound(to: UInt16.self), dimension)
            )
        }
    }

    private func tile(_ slot: Slot) -> UnsafeMutableRawPointer {
        let place = self.places[slot.block - self.blocks.lowerBound]
        guard let page = place.table.pages[slot.position / Self.pageTokens] else {
            preconditionFailure("a pass writes beyond what its cache reserved")
        }
        let offset = self.layout.offset(block: place.index, head: slot.head)
        let tile = slot.position % Self.pageTokens / Int(KW_TILE)
        return UnsafeMutableRawPointer(mutating: page) + offset + tile * self.layout.tileBytes
    }

    /// What the attention of one key head reads; its caller adds the queries.
    func attention(block: Int, head: Int) -> kw_attention {
        var attention = kw_attention()
        attention.dimension = self.layout.headDimension
        attention.value_stride = self.layout.valueStride
        let place = self.places[block - self.blocks.lowerBound]
        attention.pages = UnsafePointer(place.table.pages)
        attention.offset = self.layout.offset(block: place.index, head: head)
        attention.tile_bytes = self.layout.tileBytes
        attention.tiles_per_page = KVLayout.tilesPerPage
        attention.type = self.layout.storage
        return attention
    }
}
