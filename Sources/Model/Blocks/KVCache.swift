internal import CKernels
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The keys and values of one sequence in the blocks of one span.
///
/// Memory comes in pages of 256 tokens, each with four tiles of 64 positions for every block and key head; a tile
/// holds keys as [dimension][64] and values as [64][dimension], which is how attention reads them (DESIGN.md §6.4).
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
    }

    private let state = Mutex(State())
    private let layout: KVLayout
    /// The pages that exist, then nil.
    private let pages: UnsafeMutablePointer<UnsafeRawPointer?>
    private let pageCapacity: Int

    init(layout: KVLayout, blocks: Range<Int>, maximumTokens: Int) {
        self.layout = layout
        self.blocks = blocks
        self.maximumTokens = maximumTokens
        self.pageCapacity = (maximumTokens + Self.pageTokens - 1) / Self.pageTokens
        self.pages = .allocate(capacity: max(self.pageCapacity, 1))
        self.pages.initialize(repeating: nil, count: max(self.pageCapacity, 1))
    }

    deinit {
        for page in 0..<self.pageCapacity { free(UnsafeMutableRawPointer(mutating: self.pages[page])) }
        self.pages.deallocate()
    }

    /// The tokens that it holds.
    public var length: Int { self.state.withLock { $0.length } }

    /// The bytes that its pages take now.
    public var byteCount: Int { self.state.withLock { $0.pageCount } * self.pageBytes }

    /// Forgets everything from position `length` on. Longer than it is: no change. Its pages are kept.
    public func truncate(to length: Int) {
        self.state.withLock { $0.length = min($0.length, max(length, 0)) }
    }

    private var pageBytes: Int { self.layout.pageBytesPerBlock * self.blocks.count }
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
        } catch {
            self.release(length: nil)
            throw error
        }
    }

    /// Ends the use; a `length` commits what was written.
    func release(length: Int?) {
        self.state.withLock { state in
            state.isTaken = false
            if let length { state.length = length }
        }
    }

    private func reserve(tokens: Int) throws(ModelError) {
        let needed = (tokens + Self.pageTokens - 1) / Self.pageTokens
        while self.state.withLock({ $0.pageCount }) < needed {
            guard let page = calloc(self.pageBytes, 1) else {
                throw ModelError(.outOfMemory, "No memory for \(self.pageBytes) bytes of keys and values.")
            }
            self.state.withLock { state in
                self.pages[state.pageCount] = UnsafeRawPointer(page)
                state.pageCount += 1
            }
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
        guard let page = self.pages[slot.position / Self.pageTokens] else {
            preconditionFailure("a pass writes beyond what its cache reserved")
        }
        let offset = self.layout.offset(block: slot.block - self.blocks.lowerBound, head: slot.head)
        let tile = slot.position % Self.pageTokens / Int(KW_TILE)
        return UnsafeMutableRawPointer(mutating: page) + offset + tile * self.layout.tileBytes
    }

    /// What the attention of one key head reads; its caller adds the queries.
    func attention(block: Int, head: Int) -> kw_attention {
        var attention = kw_attention()
        attention.dimension = self.layout.headDimension
        attention.value_stride = self.layout.valueStride
        attention.pages = UnsafePointer(self.pages)
        attention.offset = self.layout.offset(block: block - self.blocks.lowerBound, head: head)
        attention.tile_bytes = self.layout.tileBytes
        attention.tiles_per_page = KVLayout.tilesPerPage
        attention.type = self.layout.storage
        return attention
    }
}
