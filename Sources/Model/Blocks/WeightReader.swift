internal import Synchronization

/// Reads the weights of a range once, on all threads: it hashes the blocks whose digests are not known, fills the panels
/// of quantised matrices from the same bytes, and lets go of the file behind itself, so that no matrix is in memory
/// twice.
struct WeightReader {
    let directory: ModelDirectory
    /// What is to be filled, by the names of the tensors.
    let panels: [String: [Panels]]
    let pool: WorkerPool

    /// The digest of each block of `range`. `progress` is told the part that is done, by one thread at a time.
    func read(_ range: Range<Int>, progress: (Double) -> Void) throws(ModelError) -> [[UInt8]] {
        let known = self.directory.knownDigests
        let strands = try self.strands(of: range, known: known)
        let digests = Mutex(known)
        let total = strands.reduce(0) { $0 + $1.byteCount }
        let done = Mutex(0)
        func report(_ byteCount: Int) {
            done.withLock { done in
                done += byteCount
                progress(Double(done) / Double(max(total, 1)))
            }
        }
        let next = Atomic(0)
        // Each thread takes one at a time, the longest first, so that all end at about the same time.
        self.pool.run(parts: min(self.pool.threads, strands.count)) { _ in
            let memory = RowMemory()
            while let strand = strands.dropFirst(next.add(1, ordering: .relaxed).oldValue).first {
                guard let digest = self.read(strand, through: memory, report) else { continue }
                digests.withLock { $0[strand.block] = digest }
            }
        }
        try self.directory.weights.requireUnchanged()
        let all = digests.withLock { $0 }
        if all.count > known.count { self.directory.rememberDigests(all) }
        if total == 0 { progress(1) }
        return range.compactMap { all[$0] }
    }

    /// Tensors that one thread reads in their order: all of a block whose digest is taken, since SHA-256 runs over them
    /// one after another, and otherwise one.
    private struct Strand {
        var block: Int
        var isHashed: Bool
        var tensors: [Reading]

        var byteCount: Int { self.tensors.reduce(0) { $0 + $1.tensor.byteCount } }
    }

    /// A tensor, and the panels that are made of its rows.
    private struct Reading {
        let tensor: MultipliedTensor
        /// Each behind the one before.
        let panels: [Panels]

        init(_ tensor: MultipliedTensor, _ panels: [Panels]) {
            let rows = panels.reduce(0) { $0 + $1.rows.count }
            precondition(panels.isEmpty || rows == tensor.rows, "\(tensor.name) is not multiplied as a whole, and once")
            self.tensor = tensor
            self.panels = panels.sorted { $0.rows.lowerBound < $1.rows.lowerBound }
        }

        /// Its rows in their order, cut where panels may begin, some hundred kilobytes at a time.
        var pieces: [(rows: Range<Int>, panels: Panels?)] {
            let step = max(Self.bytesPerPiece / max(self.tensor.rowBytes, 1) / Panels.height, 1) * Panels.height
            let parts =
                self.panels.isEmpty ? [(0..<self.tensor.rows, nil)] : self.panels.map { ($0.rows, Optional($0)) }
            return parts.flatMap { rows, panels in
                stride(from: rows.lowerBound, to: rows.upperBound, by: step).map { first in
                    (first..<min(first + step, rows.upperBound), panels)
                }
            }
        }

        /// Stays in the caches between hashing and filling, and is worth a report.
        private static let bytesPerPiece = 256 << 10
    }

    /// All that is to be read, the longest first.
    private func strands(of range: Range<Int>, known: [Int: [UInt8]]) throws(ModelError) -> [Strand] {
        var unfilled = self.panels
        var strands: [Strand] = []
        for block in range {
            let readings = try self.directory.hashedTensors(ofBlock: block).map { tensor in
                // A tied embedding is in two blocks, and is filled with the first.
                Reading(tensor, unfilled.removeValue(forKey: tensor.name) ?? [])
            }
            if known[block] == nil {
                strands.append(Strand(block: block, isHashed: true, tensors: readings))
                continue
            }
            for reading in readings where !reading.panels.isEmpty {
                strands.append(Strand(block: block, isHashed: false, tensors: [reading]))
            }
            for reading in readings where !reading.tensor.type.isQuantised {
                MappedFile.prefetch(reading.tensor.stored.bytes)
            }
        }
        return strands.sorted { $0.byteCount > $1.byteCount }
    }

    /// Reads one strand to its end; the digest of its block where that is asked for.
    private func read(_ strand: Strand, through memory: RowMemory, _ report: (Int) -> Void) -> [UInt8]? {
        let hash = strand.isHashed ? self.directory.startDigest() : nil
        for reading in strand.tensors {
            let tensor = reading.tensor
            hash?.append(tensor.name, tensor.type, tensor.shape)
            for (rows, panels) in reading.pieces {
                tensor.withBytes(of: rows, through: memory) { bytes in
                    hash?.append(bytes)
                    panels?.fill(rows, from: bytes)
                }
                self.release(tensor, rows)
                report(rows.count * tensor.rowBytes)
            }
            // Once more, since a page that is read brings in its neighbours.
            self.release(tensor, 0..<tensor.rows)
        }
        return hash?.finish()
    }

    /// Panels, or floats in memory, are what will be read of a quantised tensor from now on.
    private func release(_ tensor: MultipliedTensor, _ rows: Range<Int>) {
        if tensor.type.isQuantised, !self.directory.isEmbedded { tensor.stored.release(rows) }
    }
}
