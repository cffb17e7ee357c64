public import Model
public import ShardProtocol

extension BlockServer.Configuration {
    /// A configuration that this machine has the memory for, found from the model's headers before anything is loaded.
    ///
    /// - Parameters:
    ///   - range: The blocks to serve; nil lets the server choose, of as many as fit, those that the swarm needs most.
    ///   - kvMemory: Bytes for KV-caches; nil takes what is left, from one long session's to 2 GiB.
    ///   - freeMemory: Bytes that may be used, as from `SystemMemory.available`; nil where any amount may.
    /// - Throws: `tooLittleMemory` with the numbers and the range that would fit; `unusableModel`; what `check(_:)`
    ///   throws.
    public init(
        _ model: ModelDirectory,
        range: BlockRange?,
        kvMemory: Int?,
        freeMemory: Int?
    ) throws(BlockServerError) {
        let fit = Fit(model: model, kvMemory: kvMemory.map(KVMemory.bytes) ?? .oneSession, freeMemory: freeMemory)
        if let range {
            self.init(range: range)
        } else {
            let choices = try fit.longestRanges()
            self.init(range: choices[0])
            // Of one there is nothing to choose.
            self.choices = choices.count > 1 ? choices : []
        }
        try self.check(model)
        var (caches, left) = (0, Int.max)
        for range in [self.range] + self.choices {
            let need = try fit.need(of: range)
            caches = max(caches, need.kvCaches)
            left = min(left, freeMemory.map { $0 - need.weights - need.rest } ?? self.kvMemory)
        }
        self.kvMemory = kvMemory ?? max(min(caches, left), min(self.kvMemory, left))
        try self.check(model)
    }
}

/// Whether ranges of a model fit into the memory of a machine.
private struct Fit {
    let model: ModelDirectory
    let kvMemory: KVMemory
    let freeMemory: Int?

    /// What `range` needs, which is there.
    func need(of range: BlockRange) throws(BlockServerError) -> MemoryNeed {
        do {
            let need = try self.model.memoryNeed(of: range.indices, kvMemory: self.kvMemory)
            guard let freeMemory, need.total > freeMemory else { return need }
            let fitting = try self.fittingRange(from: range.lowerBound)
            throw self.tooLarge(range, need, freeMemory, fitting)
        } catch let error as ModelError {
            throw BlockServerError(.unusableModel, error.message)
        } catch {
            throw error as? BlockServerError ?? BlockServerError(.unusableModel, "\(error)")
        }
    }

    /// The longest range that fits from each block on, without those that lie in another; only the first block where none
    /// does, which ``need(of:)`` then refuses.
    func longestRanges() throws(BlockServerError) -> [BlockRange] {
        var ranges: [BlockRange] = []
        do {
            for first in 0..<self.model.configuration.blockCount {
                guard let fitting = try self.fittingRange(from: first) else { continue }
                let range = try BlockRange(fitting.lowerBound, fitting.upperBound)
                if ranges.last?.contains(range) != true { ranges.append(range) }
            }
            return ranges.isEmpty ? [try BlockRange(0, 1)] : ranges
        } catch {
            throw BlockServerError(.unusableModel, "\(error)")
        }
    }

    private func fittingRange(from first: Int) throws(ModelError) -> Range<Int>? {
        guard let freeMemory else { return first..<self.model.configuration.blockCount }
        return try self.model.fittingRange(from: first, into: freeMemory, kvMemory: self.kvMemory)
    }

    private func tooLarge(
        _ range: BlockRange,
        _ need: MemoryNeed,
        _ freeMemory: Int,
        _ fitting: Range<Int>?
    ) -> BlockServerError {
        func size(_ bytes: Int) -> String { "\(ByteCount(bytes: bytes))" }
        let left = freeMemory - need.weights - need.rest
        let remedies = [
            fitting.map { "--blocks \($0.lowerBound)..\($0.upperBound) would fit" },
            left > 0 ? "--kv-memory \(size(left)) would leave room" : nil,
        ]
        .compactMap(\.self)
        return BlockServerError(
            .tooLittleMemory,
            "\(range.phrase(of: self.model.configuration.blockCount)) of \(self.model.name) need \(size(need.total))"
                + " (\(size(need.weights)) of weights, \(size(need.kvCaches)) of KV-caches, \(size(need.rest)) to work"
                + " in), and \(size(freeMemory)) are free here; "
                + (remedies.isEmpty ? "use a machine with more memory" : remedies.joined(separator: ", or "))
                + "; --overcommit tries all the same"
        )
    }
}
