internal import GGUF
internal import StrictJSON

// The names of DESIGN.md §4: what tells one model from another before their peers trust each other's results.

extension ModelDirectory {
    /// SHA-256 over the canonical configuration and the digest of the tokenizer, shortened to 16 bytes.
    static func modelKey(_ configuration: ModelConfiguration, tokenizerDigest: [UInt8]) -> [UInt8] {
        Array(SHA256.digest(configuration.mathematics.canonicalBytes + tokenizerDigest).prefix(16))
    }

    static func tokenizerDigest(path: String, cache: DigestCache) throws(ModelError) -> [UInt8] {
        guard exists(path) else {
            throw ModelError(.unreadableFile, "\(path) is missing; download the model's tokenizer.json.")
        }
        let entry = DigestCache.Entry(kind: "tokenizer", path: path, identity: try MappedFile(path: path).identity)
        if let digest = cache.read(entry)["tokenizer"] {
            return digest
        }
        let digest = try self.tokenizerDigest(contents(of: path, limit: Limits.tokenizerBytes), name: path)
        cache.write(["tokenizer": digest], to: entry)
        return digest
    }

    /// SHA-256 over the canonical form of a `tokenizer.json`, so that neither spaces nor the order of its keys matter.
    static func tokenizerDigest(_ bytes: [UInt8], name: String) throws(ModelError) -> [UInt8] {
        do {
            return SHA256.digest(try JSON(parsing: bytes).canonicalBytes)
        } catch {
            throw ModelError(.invalidFile, "\(name) is not JSON: \(error). Download it again.")
        }
    }

    /// SHA-256 over the tokenizer's part of a GGUF file's metadata, sorted by key. The widths of integers do not matter,
    /// and chat templates are no part of the tokenizer, as they stand outside of `tokenizer.json`.
    static func tokenizerDigest(_ metadata: [String: GGUFValue]) -> [UInt8] {
        let hash = SHA256()
        let keys = metadata.keys.filter { $0.hasPrefix("tokenizer.") && !$0.hasPrefix("tokenizer.chat_template") }
        for key in keys.sorted(by: bytesPrecede) {
            hash.append(key)
            if let value = metadata[key] { hash.append(value) }
        }
        return hash.finish()
    }

    /// Names the whole model's weights without reading them all: SHA-256 over the model key and, for every tensor
    /// sorted by name, its type, shape and first 4 KiB. A folder that lacks some files takes it from
    /// `kwaai-manifest.json`.
    public func fingerprint() throws(ModelError) -> [UInt8] {
        guard self.holdsWeights, self.absentFiles.isEmpty else { return try self.manifestFingerprint() }
        let hash = SHA256()
        hash.append(self.modelKey)
        for (name, place) in self.weights.tensors.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            let tensor = self.weights.tensor(name, at: place)
            hash.append(tensor)
            hash.append(UnsafeRawBufferPointer(rebasing: tensor.bytes.prefix(Self.fingerprintedBytes)))
        }
        return hash.finish()
    }

    /// How much of each tensor the fingerprint covers: one page, so that even a large model takes milliseconds.
    private static let fingerprintedBytes = 4096

    private func manifestFingerprint() throws(ModelError) -> [UInt8] {
        let files = self.absentFiles
        guard case .folder(let directory) = self.location, exists("\(directory)/kwaai-manifest.json") else {
            guard self.holdsWeights else { throw self.holdsNoWeights }
            throw ModelError(
                .missingTensors,
                "\(self.name) lacks \(listed(files)), and no kwaai-manifest.json says the model's fingerprint. "
                    + "Download the files, or copy the manifest from a peer that has them all."
            )
        }
        let path = "\(directory)/kwaai-manifest.json"
        let bytes = try contents(of: path, limit: Limits.configurationBytes)
        let manifest = try? JSON(parsing: bytes)
        guard let text = manifest?["fingerprint"]?.string, let fingerprint = [UInt8](hex: text), fingerprint.count == 32
        else { throw ModelError(.invalidFile, "\(path) holds no fingerprint of 64 hexadecimal digits.") }
        guard manifest?["model_key"]?.string == self.modelKey.hex else {
            throw ModelError(.invalidFile, "\(path) belongs to another model than \(self.name)'s config.json.")
        }
        return fingerprint
    }

    /// The content of the `kwaai-manifest.json` that lets a folder with a part of the files know its fingerprint.
    public func manifest() throws(ModelError) -> String {
        let json = JSON.object([
            .init("fingerprint", .string(try self.fingerprint().hex)),
            .init("model_key", .string(self.modelKey.hex)),
        ])
        return String(decoding: json.canonicalBytes, as: UTF8.self)
    }
}

/// Whether `a` sorts before `b` by the bytes of their UTF-8.
func bytesPrecede(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
}

/// The first few of many names, for a message.
func listed(_ names: [String]) -> String {
    let shown = names.prefix(3).joined(separator: ", ")
    return names.count > 3 ? "\(shown) and \(names.count - 3) more" : shown
}

extension SHA256 {
    /// A tensor's name, type and shape.
    func append(_ tensor: StoredTensor) { self.append(tensor.name, tensor.type, tensor.shape) }

    func append(_ name: String, _ type: TensorType, _ shape: [Int]) {
        self.append(name)
        self.append(type.rawValue)
        self.append(UInt32(shape.count))
        for size in shape { self.append("\(size)") }
    }

    /// A value of a GGUF file's metadata: its kind, then what it holds.
    func append(_ value: GGUFValue) {
        switch value {
        case .integer(let number): self.append("integer \(number)")
        case .unsigned(let number): self.append("integer \(number)")
        case .float32(let number): self.append("float \(number.bitPattern)")
        case .float64(let number): self.append("double \(number.bitPattern)")
        case .bool(let flag): self.append("bool \(flag)")
        case .text(let text):
            self.append("text \(text.buffer.count)")
            self.append(text.buffer)
        case .array(let array):
            self.append("array \(array.count)")
            array.forEach { element in
                self.append(element)
                return true
            }
        }
    }
}
