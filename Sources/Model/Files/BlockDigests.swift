internal import StrictJSON

extension ModelDirectory {
    /// The digest of each block of `range`: SHA-256 over the numerics version, the mathematics, and each tensor's
    /// name, type, shape and bytes, in the order of their names and Hugging Face's order of rows (DESIGN.md §4).
    ///
    /// Reads every byte of the range, unless the cache knows the files. `progress` is told the part that is done.
    func blockDigests(of range: Range<Int>, progress: (Double) -> Void) throws(ModelError) -> [[UInt8]] {
        let entry = try self.digestEntry()
        var known = entry.map(self.cache.read) ?? [:]
        let total = Double(max(try self.weightBytes(of: range), 1))
        var done = 0.0
        var digests: [[UInt8]] = []
        for block in range {
            let tensors = try self.configuration.tensors(ofBlock: block)
                .sorted { bytesPrecede($0.name, $1.name) }
                .map { tensor throws(ModelError) in try self.multiplied(tensor) }
            if let digest = known["\(block)"] {
                for tensor in tensors where !tensor.type.isQuantised { MappedFile.prefetch(tensor.stored.bytes) }
                digests.append(digest)
                continue
            }
            let digest = self.digest(tensors) { count in
                done += Double(count)
                progress(min(done / total, 1))
            }
            known["\(block)"] = digest
            digests.append(digest)
        }
        try self.weights.requireUnchanged()
        if let entry, done > 0 { self.cache.write(known, to: entry) }
        progress(1)
        return digests
    }

    private func digest(_ tensors: [MultipliedTensor], read: (Int) -> Void) -> [UInt8] {
        let hash = SHA256()
        hash.append(UInt32(Numerics.version))
        hash.append(self.configuration.mathematics.canonicalBytes)
        for tensor in tensors {
            hash.append(tensor.name, tensor.type, tensor.shape)
            let step = max(Self.bytesPerReport / max(tensor.rowBytes, 1), 1)
            for first in stride(from: 0, to: tensor.rows, by: step) {
                let rows = first..<min(first + step, tensor.rows)
                tensor.withBytes(of: rows) { hash.append($0) }
                // Its panels are what will be read from now on.
                if tensor.type.isQuantised, !self.isEmbedded { tensor.stored.release(rows) }
                read(rows.count * tensor.rowBytes)
            }
        }
        return hash.finish()
    }

    /// Between two reports of progress: some milliseconds of hashing.
    private static let bytesPerReport = 8 << 20

    /// Where the cache keeps these digests; nil for a model that is not in files.
    private func digestEntry() throws(ModelError) -> DigestCache.Entry? {
        guard case .folder(let directory) = self.location else { return nil }
        let format = self.quantization.map { " \($0.rawValue)" } ?? ""
        var entry = DigestCache.Entry(kind: "blocks \(Numerics.version) \(self.modelKey.hex)\(format)")
        for file in self.weights.files {
            if let identity = file.identity { entry.add(path: "\(directory)/\(file.name)", identity: identity) }
        }
        return entry
    }
}
