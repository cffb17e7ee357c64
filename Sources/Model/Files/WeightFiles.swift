internal import StrictJSON

/// The safetensors files of a model: their headers, and which tensor is in which. No weight is touched until it is
/// asked for.
struct WeightFiles: Sendable {
    /// One file, mapped or embedded in the program.
    struct File: Sendable {
        var name: String
        var bytes: SendableBytes
        /// Nil for an embedded file, whose content cannot change.
        var identity: FileIdentity?
        /// Keeps the bytes alive.
        var mapping: MappedFile?
    }

    /// Where a tensor is.
    struct Place: Sendable {
        var file: Int
        var entry: TensorEntry
    }

    private(set) var files: [File] = []
    private(set) var tensors: [String: Place] = [:]
    /// Tensors that the index puts into a file that is not there, and that file's name.
    private(set) var absent: [String: String] = [:]

    /// Opens `model.safetensors`, or those of the files that `model.safetensors.index.json` names which are there.
    /// A folder with neither has no weights: enough for who computes no block.
    init(directory: String) throws(ModelError) {
        let single = "model.safetensors"
        let index = "\(directory)/model.safetensors.index.json"
        if exists("\(directory)/\(single)") {
            try self.add(single, in: directory)
        } else if exists(index) {
            try self.readIndex(index, directory: directory)
        }
    }

    /// One file that is already in memory for good.
    init(embedded bytes: UnsafeRawBufferPointer, name: String) throws(ModelError) {
        try self.add(File(name: name, bytes: SendableBytes(bytes), identity: nil, mapping: nil))
    }

    /// A tensor that is there.
    func tensor(_ name: String, at place: Place) -> StoredTensor {
        let bytes = UnsafeRawBufferPointer(rebasing: self.files[place.file].bytes.buffer[place.entry.bytes])
        return StoredTensor(name, place.entry, bytes: bytes)
    }

    private mutating func add(_ name: String, in directory: String) throws(ModelError) {
        let mapping = try MappedFile(path: "\(directory)/\(name)")
        try self.add(
            File(name: name, bytes: SendableBytes(mapping.bytes), identity: mapping.identity, mapping: mapping)
        )
    }

    private mutating func add(_ file: File) throws(ModelError) {
        let header = try SafetensorsHeader(file.bytes.buffer, name: file.name)
        for (name, entry) in header.tensors {
            guard self.tensors.updateValue(Place(file: self.files.count, entry: entry), forKey: name) == nil else {
                throw ModelError(
                    .invalidFile,
                    "\(file.name) holds \(name), and so does another file. Download both again."
                )
            }
        }
        self.files.append(file)
    }

    private mutating func readIndex(_ path: String, directory: String) throws(ModelError) {
        let json: JSON
        do {
            json = try JSON(parsing: contents(of: path, limit: Limits.indexBytes))
        } catch let error as ModelError {
            throw error
        } catch {
            throw ModelError(.invalidFile, "\(path) is not JSON: \(error). Download it again.")
        }
        guard let map = json["weight_map"]?.members else {
            throw ModelError(.invalidFile, "\(path) has no \"weight_map\". Download it again.")
        }
        var names: Set<String> = []
        for entry in map {
            guard let file = entry.value.string, !file.isEmpty, !file.contains("/"), !file.hasPrefix(".") else {
                throw ModelError(.invalidFile, "\(path) names no plain file for \(entry.key). Download it again.")
            }
            names.insert(file)
        }
        guard names.count <= Limits.shards else {
            throw ModelError(.invalidFile, "\(path) names more than \(Limits.shards) files.")
        }
        let present = names.filter { exists("\(directory)/\($0)") }
        for name in present.sorted() { try self.add(name, in: directory) }
        for entry in map where self.tensors[entry.key] == nil {
            guard let file = entry.value.string else { continue }
            guard !present.contains(file) else {
                throw ModelError(
                    .invalidFile,
                    "\(file) lacks \(entry.key), which the index puts there. Download both again."
                )
            }
            self.absent[entry.key] = file
        }
    }
}

/// Bytes that nobody changes and that outlive whoever holds this.
struct SendableBytes: @unchecked Sendable {
    let buffer: UnsafeRawBufferPointer

    init(_ buffer: UnsafeRawBufferPointer) { self.buffer = buffer }
}
