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
                .map { tensor throws(ModelError) in try self.tensor(tensor) }
            if let digest = known["\(block)"] {
                for tensor in tensors { MappedFile.prefetch(tensor.bytes) }
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
        if let entry, done > 0 { self.cache.write(known, to: entry) }
        progress(1)
        return digests
    }

    private func digest(_ tensors: [StoredTensor], read: (Int) -> Void) -> [UInt8] {
        let hash = SHA256()
        hash.append(UInt32(Numerics.version))
        hash.append(self.configuration.mathematics.canonicalBytes)
        for tensor in tensors {
            hash.append(tensor)
            tensor.withPieces { piece in
                var rest = piece[...]
                while !rest.isEmpty {
                    let part = rest.prefix(Self.bytesPerReport)
                    hash.append(UnsafeRawBufferPointer(rebasing: part))
                    read(part.count)
                    rest = rest.dropFirst(part.count)
                }
            }
        }
        return hash.finish()
    }

    /// Between two reports of progress: some milliseconds of hashing.
    private static let bytesPerReport = 8 << 20

    /// Where the cache keeps these digests; nil for a model that is not in files.
    private func digestEntry() throws(ModelError) -> DigestCache.Entry? {
        guard case .folder(let directory) = self.location else { return nil }
        var entry = DigestCache.Entry(kind: "blocks \(Numerics.version) \(self.modelKey.hex)")
        for file in self.weights.files {
            if let identity = file.identity { entry.add(path: "\(directory)/\(file.name)", identity: identity) }
        }
        return entry
    }
}
