internal import StrictJSON

/// A model's files: what they describe is known and checked, and no weight has been touched. They are a folder as
/// Hugging Face has it, or one or several GGUF files.
///
/// Some of the weight files may be absent, as on a server that holds a part of a large model, or all of them, as on a
/// coordinator that computes no block; `missingTensors(for:)` says whether a range can be loaded all the same.
public struct ModelDirectory: Sendable {
    /// The folder's last component, the name of a GGUF file without its end, or the embedded model's name.
    public let name: String
    public private(set) var configuration: ModelConfiguration
    /// Names the model's mathematics and its tokenizer, without its weights: 16 bytes (DESIGN.md §4).
    public private(set) var modelKey: [UInt8]
    private let tokenizerDigest: [UInt8]
    let weights: WeightFiles
    let location: Location
    var cache: DigestCache
    /// What float weights are turned into while they are loaded.
    var quantization: Quantization?

    /// Whether the model is part of the program instead of a folder.
    public var isEmbedded: Bool {
        if case .embedded = self.location { true } else { false }
    }

    enum Location: Sendable {
        case folder(String)
        case embedded
    }

    /// Reads `config.json`, the index and the headers in the folder at `path`, or the header of the GGUF file at `path`
    /// or in it.
    public init(path: String) throws(ModelError) {
        try self.init(path: path, cache: DigestCache.standard)
    }

    package init(path: String, cache: DigestCache) throws(ModelError) {
        let trimmed = String(path.reversed().drop { $0 == "/" }.reversed())
        if let file = try GGUFModel.path(at: trimmed) {
            try self.init(GGUFModel(path: file), cache: cache)
        } else {
            try self.init(folder: trimmed, cache: cache)
        }
    }

    private init(folder trimmed: String, cache: DigestCache) throws(ModelError) {
        let bytes = try contents(of: "\(trimmed)/config.json", limit: Limits.configurationBytes)
        var configuration = try ModelConfiguration(parsing: bytes)
        configuration.endOfSequenceTokens.formUnion(try Self.generationEnds(in: trimmed))
        self.name = trimmed.split(separator: "/").last.map(String.init) ?? trimmed
        self.configuration = configuration
        self.location = .folder(trimmed)
        self.weights = try WeightFiles(directory: trimmed)
        self.cache = cache
        self.tokenizerDigest = try Self.tokenizerDigest(path: "\(trimmed)/tokenizer.json", cache: cache)
        self.modelKey = Self.modelKey(configuration, tokenizerDigest: self.tokenizerDigest)
    }

    private init(_ model: GGUFModel, cache: DigestCache) throws(ModelError) {
        let architecture = try model.architecture
        self.name = model.name
        self.configuration = try ModelConfiguration(model, architecture)
        self.location = model.folder.map(Location.folder) ?? .embedded
        self.weights = try WeightFiles(model, GGUFTensorNames(architecture, self.configuration))
        self.cache = cache
        self.tokenizerDigest = Self.tokenizerDigest(model.metadata)
        self.modelKey = Self.modelKey(self.configuration, tokenizerDigest: self.tokenizerDigest)
    }

    /// Reads a GGUF file that is already in memory for good.
    package init(gguf bytes: UnsafeRawBufferPointer, name: String) throws(ModelError) {
        try self.init(GGUFModel(embedded: bytes, name: name), cache: .none)
    }

    /// Reads a model that is part of the program.
    public init(embedded model: EmbeddedModel) throws(ModelError) {
        self.name = model.name
        self.configuration = try ModelConfiguration(parsing: model.configuration)
        self.location = .embedded
        self.weights = try WeightFiles(embedded: model.weights, name: "\(model.name)'s embedded weights")
        self.cache = .none
        self.tokenizerDigest = try Self.tokenizerDigest(model.tokenizer, name: "\(model.name)'s embedded tokenizer")
        self.modelKey = Self.modelKey(self.configuration, tokenizerDigest: self.tokenizerDigest)
    }

    /// The same model for sequences of at most `contextLength` tokens. Where RoPE has factors for short contexts and for
    /// long ones, the name of its mathematics follows the choice.
    public func limited(toContext contextLength: Int) throws(ModelError) -> ModelDirectory {
        guard contextLength > 0, contextLength <= self.configuration.contextLength else {
            throw ModelError(
                .contextExceeded,
                "A context of \(contextLength) tokens was asked for; \(self.name) has one of "
                    + "\(self.configuration.contextLength)."
            )
        }
        var limited = self
        limited.configuration.contextLength = contextLength
        limited.modelKey = Self.modelKey(limited.configuration, tokenizerDigest: self.tokenizerDigest)
        return limited
    }

    /// `generation_config.json` often names more tokens that end a text than `config.json` does.
    private static func generationEnds(in directory: String) throws(ModelError) -> Set<UInt32> {
        let path = "\(directory)/generation_config.json"
        guard exists(path),
            let json = try? JSON(parsing: contents(of: path, limit: Limits.configurationBytes)),
            var reader = try? ConfigurationReader(json, name: "generation_config.json")
        else { return [] }
        return Set(try reader.tokens("eos_token_id"))
    }
}

// MARK: Tensors

extension ModelDirectory {
    /// A tensor that a range needs and the folder lacks.
    public struct MissingTensor: Equatable, Sendable {
        public var name: String
        /// The file that would hold it, where the index says so.
        public var file: String?
    }

    /// What the folder lacks of the blocks in `range`, the embedding before block 0 and the head after the last one.
    public func missingTensors(for range: Range<Int>) throws(ModelError) -> [MissingTensor] {
        try self.check(range)
        return self.configuration.tensors(of: range).compactMap { tensor in
            guard self.weights.tensors[tensor.name] == nil else { return nil }
            return MissingTensor(name: tensor.name, file: self.weights.absent[tensor.name])
        }
    }

    /// How the numbers that blocks multiply with are stored: `f16`, `q8_0`, or several joined by `+`. One chain has one
    /// format.
    public var weightFormat: String {
        let descriptions = self.configuration.tensors(of: 0..<self.configuration.blockCount)
        let types = Set(descriptions.filter { $0.shape.count == 2 }.compactMap(self.multipliedType))
        return types.map { $0.rawValue.lowercased() }.sorted().joined(separator: "+")
    }

    /// Bytes of the weights that `range` needs, as blocks multiply with them, from the headers alone.
    public func weightBytes(of range: Range<Int>) throws(ModelError) -> Int {
        try self.check(range)
        var names: Set<String> = []
        return self.configuration.tensors(of: range).filter { names.insert($0.name).inserted }.reduce(0) {
            $0 + (self.weights.tensors[$1.name]?.entry.byteCount(as: self.multipliedType(of: $1)) ?? 0)
        }
    }

    func check(_ range: Range<Int>) throws(ModelError) {
        let count = self.configuration.blockCount
        guard !range.isEmpty, range.lowerBound >= 0, range.upperBound <= count else {
            throw ModelError(
                .wrongRange,
                "\(self.name) has the blocks 0..\(count); \(range.lowerBound)..\(range.upperBound) is no range of them."
            )
        }
    }

    /// Throws, naming files and tensors and what to download, where `range` cannot be loaded from this folder.
    func requireTensors(of range: Range<Int>) throws(ModelError) {
        let missing = try self.missingTensors(for: range)
        guard !missing.isEmpty else { return }
        guard self.holdsWeights else { throw self.holdsNoWeights }
        let files = Set(missing.compactMap(\.file)).sorted() + self.weights.absentFiles
        let tensors = listed(missing.map(\.name))
        throw ModelError(
            .missingTensors,
            files.isEmpty
                ? "\(self.path) lacks \(tensors), which config.json needs. Download the model again."
                : "\(self.path): blocks \(range.lowerBound)..\(range.upperBound) need \(listed(files)), which "
                    + "\(files.count == 1 ? "is" : "are") missing (\(tensors)). Download what is missing."
        )
    }

    /// Whether there is any weight file, or an index that says where weights would be.
    var holdsWeights: Bool { !self.weights.files.isEmpty || !self.weights.absent.isEmpty }

    /// The files that would make the model whole.
    var absentFiles: [String] { Set(self.weights.absent.values).sorted() + self.weights.absentFiles }

    /// For messages: where somebody would put what is missing.
    private var path: String {
        if case .folder(let path) = self.location { path } else { self.name }
    }

    var holdsNoWeights: ModelError {
        ModelError(
            .missingTensors,
            "\(self.path) holds no weights, without which no block can be computed. Download model.safetensors into "
                + "it, or model.safetensors.index.json and those of the files it names that hold the blocks."
        )
    }

    /// A tensor, which has the shape that the mathematics needs.
    package func tensor(_ description: TensorDescription) throws(ModelError) -> StoredTensor {
        guard let place = self.weights.tensors[description.name] else {
            throw ModelError(.missingTensors, "\(self.name) has no tensor \(description.name).")
        }
        guard place.entry.shape == description.shape else {
            throw ModelError(
                .invalidFile,
                "\(self.weights.files[place.file].name): \(description.name) has the shape \(place.entry.shape), and "
                    + "the configuration needs \(description.shape). The files do not belong together; download the "
                    + "model again."
            )
        }
        return self.weights.tensor(description.name, at: place)
    }
}
