internal import StrictJSON

/// The digest of a block: SHA-256 over the numerics version, the mathematics, and each tensor's name, type, shape and
/// bytes, in the order of their names and Hugging Face's order of rows (DESIGN.md §4).
extension ModelDirectory {
    /// A digest before the first tensor.
    func startDigest() -> SHA256 {
        let hash = SHA256()
        hash.append(UInt32(Numerics.version))
        hash.append(self.configuration.mathematics.canonicalBytes)
        return hash
    }

    /// The tensors that follow, each as it is multiplied.
    func hashedTensors(ofBlock block: Int) throws(ModelError) -> [MultipliedTensor] {
        try self.configuration.tensors(ofBlock: block)
            .sorted { bytesPrecede($0.name, $1.name) }
            .map { tensor throws(ModelError) in try self.multiplied(tensor) }
    }

    /// The digests of these files that the cache knows, by the numbers of the blocks.
    var knownDigests: [Int: [UInt8]] {
        guard let entry = self.digestEntry else { return [:] }
        return self.cache.read(entry).reduce(into: [:]) { digests, member in
            if let block = Int(member.key) { digests[block] = member.value }
        }
    }

    func rememberDigests(_ digests: [Int: [UInt8]]) {
        guard let entry = self.digestEntry else { return }
        self.cache.write(Dictionary(uniqueKeysWithValues: digests.map { ("\($0.key)", $0.value) }), to: entry)
    }

    /// Where the cache keeps these digests; nil for a model that is not in files.
    private var digestEntry: DigestCache.Entry? {
        guard case .folder(let directory) = self.location else { return nil }
        let format = self.quantization.map { " \($0.rawValue)" } ?? ""
        var entry = DigestCache.Entry(kind: "blocks \(Numerics.version) \(self.modelKey.hex)\(format)")
        for file in self.weights.files {
            if let identity = file.identity { entry.add(path: "\(directory)/\(file.name)", identity: identity) }
        }
        return entry
    }
}
