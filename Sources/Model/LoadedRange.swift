internal import CKernels
internal import Synchronization

/// A range of a model's blocks, ready to compute: the embedding too where it begins at block 0, the head where it ends
/// at the last block.
///
/// Float weights stay mapped from their files, quantised ones are copied into panels, so that memory grows with the
/// range. Every result is the same to the bit
/// however a sequence is cut into ranges, chunks, batches and threads (DESIGN.md §6). Synchronous: the caller brings a
/// thread that may be busy for long. Several threads may call at once; the pool then serves one of them.
public final class LoadedRange: Sendable {
    public let configuration: ModelConfiguration
    public let range: Range<Int>
    /// SHA-256 over each block's mathematics and weights, 32 bytes a block (DESIGN.md §4).
    public let blockDigests: [[UInt8]]

    let blocks: [TransformerBlock]
    /// Weights that a token is multiplied with in each block.
    let weightCounts: [Int]
    let embedding: MultipliedTensor?
    let head: Head?
    let angles: Angles
    let localAngles: Angles?
    let rounding: Rounding
    let kernels: Kernels
    let routerProbe: RouterProbe?
    let pool: WorkerPool
    let tally = Tally()
    let directory: ModelDirectory
    private let idle = Mutex<[ScratchBox]>([])

    /// Loads `range` and hashes it, unless its digests are cached. `progress` is told the part that is done, 0...1, by
    /// one thread at a time.
    /// `threads` counts the caller of `forward` too. `quantize` turns float weights into another format on the way, as
    /// `ModelDirectory.quantized(to:)` does; nil leaves it to the directory.
    public convenience init(
        _ directory: ModelDirectory,
        range: Range<Int>,
        threads: Int,
        quantize: Quantization? = nil,
        progress: (Double) -> Void = { _ in }
    ) throws(ModelError) {
        let directory = quantize.map(directory.quantized) ?? directory
        try self.init(directory, range: range, threads: threads, rounding: .toHalf, kernels: .best, progress: progress)
    }

    /// What blocks multiply with.
    package enum Weights: Sendable {
        /// The weights as they are stored.
        case stored
        /// The same numbers in f32, for tests: the most exact that a stored format allows.
        case dequantised
    }

    /// Sees, and may change, what a router says of one token, [experts], before any is chosen. Called block by block and
    /// token by token where there is one thread.
    package typealias RouterProbe = @Sendable (UnsafeMutableBufferPointer<Float>) -> Void

    /// The same with the choices that only tests make.
    package init(
        _ directory: ModelDirectory,
        range: Range<Int>,
        threads: Int,
        weights: Weights = .stored,
        rounding: Rounding,
        kernels: Kernels,
        routerProbe: RouterProbe? = nil,
        progress: (Double) -> Void = { _ in }
    ) throws(ModelError) {
        try directory.requireTensors(of: range)
        let pool = WorkerPool(threads: min(max(threads, 1), Limits.threads))
        let loader = WeightLoader(directory: directory, weights: weights)
        let configuration = directory.configuration
        self.directory = directory
        self.configuration = configuration
        self.range = range
        self.rounding = rounding
        self.kernels = kernels
        self.routerProbe = routerProbe
        self.pool = pool
        self.angles = Angles(configuration.rotary, configuration)
        self.localAngles = configuration.localRotary.map { Angles($0, configuration) }
        self.blocks = try range.map { block throws(ModelError) in try loader.block(block) }
        self.weightCounts = self.blocks.map(\.weightCount)
        self.embedding = range.lowerBound == 0 ? try loader.embedding() : nil
        self.head = range.upperBound == configuration.blockCount ? try loader.head() : nil
        let reader = WeightReader(directory: directory, panels: loader.memory.unfilled, pool: pool)
        self.blockDigests = try reader.read(range, progress: progress)
    }

    /// Bytes that one token takes in a cache over the whole range, where no block keeps a window only. Memory comes in
    /// pages of `KVCache.pageTokens`; `ModelConfiguration.kvBytes` says what a sequence takes.
    public var kvBytesPerToken: Int { self.kvBytesPerTokenAndBlock * self.range.count }

    /// Bytes that one token takes in a cache for each block.
    public var kvBytesPerTokenAndBlock: Int { self.layout.pageBytesPerBlock / KVCache.pageTokens }

    /// Tokens that pass through the blocks together; steps with more take several passes.
    public static var tokensPerPass: Int { Limits.tokensPerPass }

    /// How many numbers were saturated at ±65504 since loading.
    public var saturationCount: Int { self.tally.saturations.load(ordering: .relaxed) }

    private var layout: KVLayout { KVLayout(self.configuration, rounding: self.rounding) }

    /// An empty cache for one sequence in `blocks` (all of the range where nil), of at most `maximumTokens` (the whole
    /// context where nil).
    public func makeCache(blocks: Range<Int>? = nil, maximumTokens: Int? = nil) throws(ModelError) -> KVCache {
        let blocks = blocks ?? self.range
        try self.check(blocks)
        let context = self.configuration.contextLength
        let tokens = maximumTokens ?? context
        guard tokens > 0, tokens <= context else {
            throw ModelError(
                .contextExceeded,
                "A sequence of \(tokens) tokens was asked for; this model's context has \(context)."
            )
        }
        let windows = self.configuration.blockKinds[blocks].map(\.window)
        return KVCache(layout: self.layout, blocks: blocks, windows: windows, maximumTokens: tokens)
    }

    func check(_ blocks: Range<Int>) throws(ModelError) {
        guard !blocks.isEmpty, blocks.clamped(to: self.range) == blocks else {
            throw ModelError(
                .wrongRange,
                "Blocks \(blocks.lowerBound)..\(blocks.upperBound) were asked for; "
                    + "\(self.range.lowerBound)..\(self.range.upperBound) are loaded here."
            )
        }
    }

    /// Lends scratch memory for `tokens` tokens; what was made once is used again.
    func withScratch<R>(tokens: Int, _ body: (Scratch) -> R) -> R {
        let fitting = self.idle.withLock { idle in
            idle.firstIndex { $0.scratch.capacity >= tokens }.map { idle.remove(at: $0) }
        }
        let size = Self.scratchSizes.first { $0 >= tokens } ?? Limits.tokensPerPass
        let box =
            fitting
            ?? ScratchBox(
                scratch: Scratch(self.configuration, self.angles, self.localAngles, capacity: size)
            )
        defer {
            self.idle.withLock { idle in
                idle.append(box)
                // Smallest first, so that a decode step takes the least that fits. More than a few are left after many
                // threads came at once.
                idle.sort { $0.scratch.capacity < $1.scratch.capacity }
                if idle.count > Self.idleScratches { idle.removeFirst() }
            }
        }
        return body(box.scratch)
    }

    /// For decoding, for a batch, and for prefills.
    private static let scratchSizes = [1, 8, 64, Limits.tokensPerPass]
    private static let idleScratches = 4
}

/// Scratch memory between two users.
private struct ScratchBox: @unchecked Sendable {
    // Sendable: whoever took it out of the list is its only user.

    let scratch: Scratch
}
