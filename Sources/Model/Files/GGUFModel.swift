internal import GGUF

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// A model in GGUF: one file, or as many as the name of one says (`name-00002-of-00003.gguf`). The first holds the
/// metadata and must be there; others may be absent, as on a server of a part of a large model.
struct GGUFModel {
    struct Shard {
        var file: WeightFiles.File
        var header: GGUFFile

        var name: String { self.file.name }
    }

    /// Nil for a file that is part of the program.
    let folder: String?
    /// What the model is called: the file's name without its end.
    let name: String
    let shards: [Shard]
    let absent: [String]

    init(path: String) throws(ModelError) {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let file = parts.removeLast()
        let folder = parts.isEmpty ? "." : parts.joined(separator: "/")
        let split = try SplitName(file)
        self.name = split?.stem ?? (file.hasSuffix(".gguf") ? String(file.dropLast(5)) : file)
        let names = split?.all ?? [file]
        var shards: [Shard] = []
        for (index, name) in names.enumerated() {
            guard split == nil || index == 0 || exists("\(folder)/\(name)") else { continue }
            shards.append(try Self.shard(name, in: folder, index: index, of: names.count))
        }
        self.folder = folder
        self.shards = shards
        self.absent = names.filter { name in !shards.contains { $0.name == name } }
    }

    /// One file that is already in memory for good.
    init(embedded bytes: UnsafeRawBufferPointer, name: String) throws(ModelError) {
        let file = WeightFiles.File(name: name, bytes: SendableBytes(bytes), identity: nil, mapping: nil)
        self.folder = nil
        self.name = name
        self.shards = [try Shard(file)]
        self.absent = []
    }

    /// The GGUF file that `path` names: itself, or the only model in a folder without `config.json`. Nil where it is a
    /// folder of another kind.
    static func path(at path: String) throws(ModelError) -> String? {
        if path.hasSuffix(".gguf") { return path }
        guard !exists("\(path)/config.json") else { return nil }
        let all = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let models = Set(
            try all.filter { $0.hasSuffix(".gguf") }.map { file throws(ModelError) in
                try SplitName(file)?.all[0] ?? file
            }
        )
        guard models.count < 2 else {
            throw ModelError(
                .unreadableFile,
                "\(path) holds several GGUF models (\(listed(models.sorted()))); give the path of one of them."
            )
        }
        guard let model = models.first else {
            throw ModelError(
                .unreadableFile,
                "\(path) holds no config.json and no GGUF file; give the folder of a Hugging Face model, or a .gguf file."
            )
        }
        return "\(path)/\(model)"
    }

    private static func shard(
        _ name: String,
        in folder: String,
        index: Int,
        of count: Int
    ) throws(ModelError) -> Shard {
        let shard = try Shard(WeightFiles.File(name, MappedFile(path: "\(folder)/\(name)")))
        guard (shard.header.metadata["split.count"]?.integer ?? 1) == count,
            (shard.header.metadata["split.no"]?.integer ?? 0) == index || count == 1
        else {
            throw ModelError(
                .invalidFile,
                "\(name) says that it is another part of a model than its name has it. Keep the names of split files."
            )
        }
        return shard
    }

    /// The row of the table that the file names.
    var architecture: GGUFArchitecture {
        get throws(ModelError) {
            let name = try GGUFMetadata(self.metadata, file: self.firstFile).architecture
            let found = GGUFArchitecture.named(
                name,
                hasExperts: (self.metadata["\(name).expert_count"]?.integer ?? 0) > 0,
                hasWindow: self.metadata["\(name).attention.sliding_window"] != nil
            )
            guard let found else {
                let supported = Set(GGUFArchitecture.all.map(\.name)).sorted().joined(separator: ", ")
                throw ModelError(
                    .unsupportedArchitecture,
                    "\(self.firstFile): the architecture \(name.prefix(80)) is not supported; of GGUF files this version "
                        + "computes \(supported)."
                )
            }
            return found
        }
    }

    var metadata: [String: GGUFValue] { self.shards[0].header.metadata }

    /// The first file, which holds the metadata, for messages.
    var firstFile: String { self.shards[0].name }

    func tensor(_ name: String) -> GGUFTensor? {
        self.shards.lazy.compactMap { shard in shard.header.tensors.first { $0.name == name } }.first
    }

    /// The numbers of a small vector of f32.
    func floats(_ name: String) throws(ModelError) -> [Float]? {
        for shard in self.shards {
            guard let tensor = shard.header.tensors.first(where: { $0.name == name }) else { continue }
            guard tensor.type == .f32, tensor.shape.count == 1, tensor.shape[0] <= Limits.headDimension else {
                throw ModelError(.invalidFile, "\(shard.name): \(name) is no short vector of F32. Download it again.")
            }
            let bytes = UnsafeRawBufferPointer(rebasing: shard.file.bytes.buffer[tensor.bytes])
            return (0..<tensor.shape[0]).map { index in
                let bits = bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
                return Float(bitPattern: UInt32(littleEndian: bits))
            }
        }
        return nil
    }
}

extension GGUFModel.Shard {
    fileprivate init(_ file: WeightFiles.File) throws(ModelError) {
        self.file = file
        do throws(GGUFError) {
            self.header = try GGUFFile(file.bytes.buffer)
        } catch {
            throw ModelError(error.code == .truncated ? .truncatedFile : .invalidFile, "\(file.name): \(error).")
        }
    }
}

/// The name of one of several files of a model.
private struct SplitName {
    let stem: String
    let count: Int

    init?(_ name: String) throws(ModelError) {
        guard name.hasSuffix(".gguf") else { return nil }
        let words = name.dropLast(5).split(separator: "-", omittingEmptySubsequences: false)
        guard words.count > 3, words[words.count - 2] == "of", let count = Self.number(words[words.count - 1]),
            let index = Self.number(words[words.count - 3])
        else { return nil }
        guard (1...Limits.shards).contains(count), (1...count).contains(index) else {
            throw ModelError(.invalidFile, "\(name) is no name of one of 1 to \(Limits.shards) files.")
        }
        self.stem = words.dropLast(3).joined(separator: "-")
        self.count = count
    }

    var all: [String] {
        (1...self.count).map { "\(self.stem)-\(Self.digits($0))-of-\(Self.digits(self.count)).gguf" }
    }

    private static func number(_ word: Substring) -> Int? {
        word.utf8.count == 5 && word.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(word) : nil
    }

    private static func digits(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits
    }
}
