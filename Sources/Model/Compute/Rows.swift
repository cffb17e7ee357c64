/// Floats as [count][width]: one row for each token of a pass.
struct Rows {
    let start: UnsafeMutablePointer<Float>
    let count: Int
    let width: Int

    subscript(token: Int) -> UnsafeMutablePointer<Float> { self.start + token * self.width }
}

/// Memory of floats that is aligned to a cache line and freed with its owner.
final class FloatBuffer: @unchecked Sendable {
    // Sendable: weights are written once, before anybody else sees them; scratch memory has one user at a time.

    let start: UnsafeMutablePointer<Float>
    let count: Int

    init(count: Int) {
        self.count = count
        self.start = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
            .bindMemory(to: Float.self, capacity: max(count, 1))
        self.start.initialize(repeating: 0, count: max(count, 1))
    }

    deinit { UnsafeMutableRawPointer(self.start).deallocate() }
}

/// The memory of one pass beside weights and cache. Kept between passes, since a step must not allocate.
final class Scratch {
    let stream: FloatBuffer  // [tokens][hidden]
    let normed: FloatBuffer  // [tokens][hidden]
    let projected: FloatBuffer  // [tokens][hidden]
    let queries: FloatBuffer  // [tokens][heads][dimension]
    let attended: FloatBuffer  // [tokens][heads][dimension]
    let keys: FloatBuffer  // [tokens][key heads][dimension]
    let values: FloatBuffer  // [tokens][key heads][dimension]
    let gate: FloatBuffer  // [tokens][widest feed-forward]
    let up: FloatBuffer  // [tokens][widest feed-forward]
    let gathered: FloatBuffer  // [tokens][hidden], the tokens of one expert
    let mixed: FloatBuffer  // [tokens][hidden], what the experts gave
    let routing: FloatBuffer  // [tokens][experts]
    let rotation: RotationTable
    let localRotation: RotationTable?
    let activations: ActivationScratch  // [tokens][widest], for quantised products
    let partials: PartialTiles  // of one token with a long context
    let head: FloatBuffer  // [dimension], one key as it goes into the cache
    let embedded = RowMemory()  // one row of an embedding that is quantised when it is looked up
    /// Tokens that fit.
    let capacity: Int

    init(_ configuration: ModelConfiguration, _ angles: Angles, _ localAngles: Angles?, capacity: Int) {
        let experts = configuration.experts
        func rows(_ width: Int) -> FloatBuffer { FloatBuffer(count: capacity * width) }
        self.capacity = capacity
        self.stream = rows(configuration.hiddenSize)
        self.normed = rows(configuration.hiddenSize)
        self.projected = rows(configuration.hiddenSize)
        self.queries = rows(configuration.queryWidth)
        self.attended = rows(configuration.queryWidth)
        self.keys = rows(configuration.keyValueWidth)
        self.values = rows(configuration.keyValueWidth)
        self.gate = rows(configuration.widestFeedForward)
        self.up = rows(configuration.widestFeedForward)
        self.gathered = rows(experts == nil ? 0 : configuration.hiddenSize)
        self.mixed = rows(experts == nil ? 0 : configuration.hiddenSize)
        self.routing = rows(experts?.count ?? 0)
        self.rotation = RotationTable(angles, capacity: capacity)
        self.localRotation = localAngles.map { RotationTable($0, capacity: capacity) }
        self.activations = ActivationScratch(
            tokens: capacity,
            width: max(configuration.hiddenSize, configuration.queryWidth, configuration.widestFeedForward)
        )
        self.partials = PartialTiles(configuration)
        self.head = FloatBuffer(count: configuration.headDimension)
    }

    func prepareRotations(_ segments: [Pass.Segment]) {
        self.rotation.prepare(segments)
        self.localRotation?.prepare(segments)
    }

    /// The table that turns a block's heads; nil where they are not turned.
    func rotation(_ rotation: ModelConfiguration.Rotation) -> RotationTable? {
        switch rotation {
        case .whole: self.rotation
        case .local: self.localRotation
        case .none: nil
        }
    }
}
