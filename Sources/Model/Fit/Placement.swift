/// A model cut over machines: each takes, in the order given, as many blocks as its memory holds.
public struct Placement: Equatable, Sendable {
    public struct Machine: Equatable, Sendable {
        /// Bytes that the machine has to give.
        public var memory: Int
        /// Its blocks; nil where not one fits, or none was left.
        public var range: Range<Int>?
        /// What they need; nil without blocks.
        public var need: MemoryNeed?
    }

    public var machines: [Machine] = []
    /// The blocks for which there was no room.
    public var missing: Range<Int>?

    /// Cuts `model` over machines with so much memory each.
    public init(of model: ModelDirectory, over memories: [Int], kvMemory: KVMemory) throws(ModelError) {
        let blockCount = model.configuration.blockCount
        var next = 0
        for memory in memories {
            let range = next < blockCount ? try model.fittingRange(from: next, into: memory, kvMemory: kvMemory) : nil
            let need = try range.map { range throws(ModelError) in try model.memoryNeed(of: range, kvMemory: kvMemory) }
            self.machines.append(Machine(memory: memory, range: range, need: need))
            next = range?.upperBound ?? next
        }
        self.missing = next < blockCount ? next..<blockCount : nil
    }
}
