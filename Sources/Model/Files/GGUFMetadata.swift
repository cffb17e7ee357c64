internal import GGUF
internal import StrictJSON

/// Reads the metadata of a GGUF file key by key, and remembers which of the architecture's keys were given a meaning.
///
/// As with `config.json`, a key of the architecture that nobody asked for is an error: it may change the mathematics.
/// Keys of others (`general.`, `tokenizer.`, `quantize.`, `split.` and whatever a tool added) do not.
struct GGUFMetadata {
    let file: String
    /// As in `general.architecture`.
    let architecture: String
    private let values: [String: GGUFValue]
    private var understood: Set<String> = []

    init(_ values: [String: GGUFValue], file: String) throws(ModelError) {
        guard let architecture = values["general.architecture"]?.string else {
            throw ModelError(.invalidConfiguration, "\(file) names no architecture; use another file of the model.")
        }
        self.file = file
        self.architecture = architecture
        self.values = values
    }

    /// A value of the architecture.
    mutating func value(_ key: String) -> GGUFValue? {
        let full = "\(self.architecture).\(key)"
        self.understood.insert(full)
        return self.values[full]
    }

    /// A positive number, or a list of equal ones, one for each block.
    mutating func count(_ key: String) throws(ModelError) -> Int? {
        guard let value = self.value(key) else { return nil }
        let counts = value.array?.integers ?? value.integer.map { [$0] } ?? []
        guard let count = counts.first, count >= 0, counts.allSatisfy({ $0 == count }) else {
            throw self.invalid(key, "a whole number, the same for all blocks")
        }
        return count
    }

    /// A finite number; an f32 as the shortest decimal that names it, as `config.json` would have it.
    mutating func number(_ key: String) throws(ModelError) -> Double? {
        guard let value = self.value(key) else { return nil }
        let number: Double? = if case .float32(let float) = value { shortest(float) } else { value.double }
        guard let number, number.isFinite else { throw self.invalid(key, "a number") }
        return number
    }

    mutating func text(_ key: String) throws(ModelError) -> String? {
        guard let value = self.value(key) else { return nil }
        guard let text = value.string else { throw self.invalid(key, "a text") }
        return text
    }

    func required<Value>(_ value: Value?, _ key: String) throws(ModelError) -> Value {
        guard let value else {
            throw ModelError(
                .invalidConfiguration,
                "\(self.file) lacks \(self.architecture).\(key); download it again."
            )
        }
        return value
    }

    func invalid(_ key: String, _ expected: String) -> ModelError {
        ModelError(.invalidConfiguration, "\(self.file): \(self.architecture).\(key) must be \(expected).")
    }

    /// A token id outside of the architecture's keys.
    func token(_ key: String) -> Int? { self.values["tokenizer.ggml.\(key)_token_id"]?.integer }

    /// The tokens of its vocabulary.
    var tokenCount: Int? { self.values["tokenizer.ggml.tokens"]?.array?.count }

    /// Throws where a key of the architecture is left that was given no meaning.
    func finish() throws(ModelError) {
        let left = self.values.keys.filter { key in
            key.hasPrefix("\(self.architecture).") && !self.understood.contains(key)
        }
        guard let key = left.min() else { return }
        throw ModelError(
            .unsupportedSetting,
            "\(self.file) has the key \(key), which this version does not understand and which may change what the model "
                + "computes. Use another file of the model, or a version of kwaai-swift that knows it."
        )
    }
}

/// The shortest decimal that names an f32, as f64: 1e-5 and not 9.99…e-06.
func shortest(_ float: Float) -> Double { Double("\(float)") ?? Double(float) }
