/// The memory that a range of a model takes, known from its headers alone.
public struct MemoryNeed: Equatable, Sendable {
    /// Bytes of the weights as they are multiplied. Those that stay mapped count too: paged out, every token would
    /// wait for the disk.
    public var weights: Int
    /// Bytes of the KV-caches of all sessions.
    public var kvCaches: Int
    /// Bytes of a pass's scratch memory and of the program itself.
    public var rest: Int

    /// Saturated, since the numbers come from headers.
    public var total: Int {
        [self.kvCaches, self.rest].reduce(self.weights) { sum, bytes in
            let (total, overflow) = sum.addingReportingOverflow(bytes)
            return overflow ? .max : total
        }
    }
}

/// How much memory the sessions of a range are to have.
public enum KVMemory: Equatable, Sendable {
    /// So many bytes, whatever the range.
    case bytes(Int)
    /// What one session of so many tokens takes, at most the model's context.
    case tokens(Int)

    /// Enough for a long conversation, where nobody said more.
    public static let oneSession = KVMemory.tokens(8192)
}

extension ModelDirectory {
    /// What `range` needs, read off headers and configuration.
    public func memoryNeed(of range: Range<Int>, kvMemory: KVMemory) throws(ModelError) -> MemoryNeed {
        MemoryNeed(
            weights: try self.weightBytes(of: range),
            kvCaches: self.bytes(of: kvMemory, in: range),
            rest: self.configuration.scratchBytes + Self.programBytes
        )
    }

    /// The blocks from `first` on that fit into `memory` bytes; nil where not even one does.
    public func fittingRange(from first: Int = 0, into memory: Int, kvMemory: KVMemory) throws(ModelError) -> Range<
        Int
    >? {
        var fitting: Range<Int>?
        for end in first + 1...max(self.configuration.blockCount, first + 1) {
            guard end <= self.configuration.blockCount,
                try self.memoryNeed(of: first..<end, kvMemory: kvMemory).total <= memory
            else { break }
            fitting = first..<end
        }
        return fitting
    }

    private func bytes(of kvMemory: KVMemory, in range: Range<Int>) -> Int {
        switch kvMemory {
        case .bytes(let bytes): return bytes
        case .tokens(let tokens):
            return self.configuration.kvBytes(blocks: range, tokens: min(tokens, self.configuration.contextLength))
        }
    }

    /// Code, threads' stacks, connections and their buffers: what an idle server of a tiny model was seen to take, and
    /// as much again.
    private static let programBytes = 64 << 20
}

extension ModelConfiguration {
    /// Bytes of the rows that the largest pass works in, twice: smaller passes keep rows of their own.
    fileprivate var scratchBytes: Int {
        let widths =
            3 * self.hiddenSize + 2 * self.queryWidth + 2 * self.keyValueWidth + 2 * self.widestFeedForward
            + (self.localRotary == nil ? 1 : 2) * self.headDimension
            + (self.experts.map { 2 * self.hiddenSize + $0.count } ?? 0)
        return 2 * (Limits.tokensPerPass * widths + self.vocabularySize) * MemoryLayout<Float>.size
    }
}
