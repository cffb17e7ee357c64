public import Model
public import ShardProtocol

extension BlockServer.Configuration {
    /// A configuration that this machine has the memory for, found from the model's headers before anything is loaded.
    ///
    /// - Parameters:
    ///   - range: The blocks to serve; nil takes as many as fit, from block 0 on.
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
            self.init(range: try fit.largestRange())
        }
        try self.check(model)
        let need = try fit.need(of: self.range)
        let left = freeMemory.map { $0 - need.weights - need.rest } ?? self.kvMemory
        self.kvMemory = kvMemory ?? max(need.kvCaches, min(self.kvMemory, left))
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

    /// As many blocks as fit from block 0 on; only the first where none does, which ``need(of:)`` then refuses.
    func largestRange() throws(BlockServerError) -> BlockRange {
        do {
            let end = try self.fittingRange(from: 0)?.upperBound ?? 1
            return try BlockRange(0, end)
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
