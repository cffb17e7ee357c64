internal import GGUF
internal import StrictJSON

/// The safetensors or GGUF files of a model: their headers, and which tensor is in which. No weight is touched until it
/// is asked for.
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
    /// Files of a model in several GGUF files that are not there; which tensors they hold is not known.
    private(set) var absentFiles: [String] = []

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

    /// The files of a model in GGUF.
    init(_ model: GGUFModel, _ names: GGUFTensorNames) throws(ModelError) {
        self.absentFiles = model.absent
        for shard in model.shards {
            var tensors: [(name: String, entry: TensorEntry)] = []
            for tensor in shard.header.tensors { tensors += try names.entries(tensor, file: shard.name) }
            try self.add(shard.file, tensors)
        }
    }

    /// A tensor that is there.
    func tensor(_ name: String, at place: Place) -> StoredTensor {
        let bytes = UnsafeRawBufferPointer(rebasing: self.files[place.file].bytes.buffer[place.entry.bytes])
        return StoredTensor(name, place.entry, bytes: bytes)
    }

    /// Throws where a file is no longer what it was when it was opened. Bytes that a file has lost end the process when
    /// they are read (SIGBUS), and bytes that were overwritten change results; so it is asked before every step.
    func requireUnchanged() throws(ModelError) {
        for file in self.files where file.mapping?.isUnchanged == false {
            throw ModelError(
                .unreadableFile,
                "\(file.name) was changed while it was in use. Restart to load it again; replace weights by renaming a new "
                    + "file over the old one."
            )
        }
    }

    private mutating func add(_ name: String, in directory: String) throws(ModelError) {
        try self.add(File(name, MappedFile(path: "\(directory)/\(name)")))
    }

    private mutating func add(_ file: File) throws(ModelError) {
        let header = try SafetensorsHeader(file.bytes.buffer, name: file.name)
        try self.add(file, header.tensors.map { (name: $0.key, entry: $0.value) })
    }

    private mutating func add(_ file: File, _ tensors: [(name: String, entry: TensorEntry)]) throws(ModelError) {
        for (name, entry) in tensors {
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

extension WeightFiles.File {
    init(_ name: String, _ mapping: MappedFile) {
        self.init(name: name, bytes: SendableBytes(mapping.bytes), identity: mapping.identity, mapping: mapping)
    }
}

/// Bytes that nobody changes and that outlive whoever holds this.
struct SendableBytes: @unchecked Sendable {
    let buffer: UnsafeRawBufferPointer

    init(_ buffer: UnsafeRawBufferPointer) { self.buffer = buffer }
}
