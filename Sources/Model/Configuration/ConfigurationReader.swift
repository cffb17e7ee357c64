internal import StrictJSON

/// Reads a `config.json` key by key, and remembers which keys were given a meaning.
///
/// A key that nobody asked for and that is not known to leave the mathematics alone is an error: computing something
/// else than the model's authors did would be silent.
struct ConfigurationReader {
    let members: [String: JSON]
    /// How messages name the object, for example `config.json` or `config.json's rope_scaling`.
    let name: String
    private var understood: Set<String> = []

    init(_ json: JSON, name: String) throws(ModelError) {
        guard let members = json.members else {
            throw ModelError(.invalidConfiguration, "\(name) does not hold a JSON object.")
        }
        // Keys that only Unicode considers equal cannot be mistaken for a known key, which are all ASCII.
        self.members = Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        self.name = name
    }

    /// The value of a key, or nil where it is absent or null.
    mutating func value(_ key: String) -> JSON? {
        self.understood.insert(key)
        guard let value = self.members[key], !value.isNull else { return nil }
        return value
    }

    mutating func flag(_ key: String) throws(ModelError) -> Bool? {
        guard let value = self.value(key) else { return nil }
        guard let flag = value.bool else { throw self.invalid(key, "true or false") }
        return flag
    }

    mutating func text(_ key: String) throws(ModelError) -> String? {
        guard let value = self.value(key) else { return nil }
        guard let text = value.string else { throw self.invalid(key, "a text") }
        return text
    }

    mutating func number(_ key: String, above bound: Double = 0) throws(ModelError) -> Double? {
        guard let value = self.value(key) else { return nil }
        guard let number = value.double, number > bound else { throw self.invalid(key, "a number above \(bound)") }
        return number
    }

    mutating func count(_ key: String, atMost limit: Int) throws(ModelError) -> Int? {
        guard let value = self.value(key) else { return nil }
        guard let count = value.integer, count > 0, count <= limit else {
            throw self.invalid(key, "a whole number from 1 to \(limit)")
        }
        return count
    }

    /// A whole number that may be 0.
    mutating func index(_ key: String, atMost limit: Int) throws(ModelError) -> Int? {
        guard let value = self.value(key) else { return nil }
        guard let index = value.integer, index >= 0, index <= limit else {
            throw self.invalid(key, "a whole number from 0 to \(limit)")
        }
        return index
    }

    mutating func texts(_ key: String) throws(ModelError) -> [String]? {
        guard let value = self.value(key) else { return nil }
        guard let array = value.array, case let texts = array.compactMap(\.string), texts.count == array.count else {
            throw self.invalid(key, "a list of texts")
        }
        return texts
    }

    mutating func integers(_ key: String) throws(ModelError) -> [Int]? {
        guard let value = self.value(key) else { return nil }
        guard let array = value.array, case let integers = array.compactMap(\.integer), integers.count == array.count
        else { throw self.invalid(key, "a list of whole numbers") }
        return integers
    }

    mutating func numbers(_ key: String) throws(ModelError) -> [Double]? {
        guard let value = self.value(key) else { return nil }
        guard let array = value.array, case let numbers = array.compactMap(\.double), numbers.count == array.count
        else {
            throw self.invalid(key, "a list of numbers")
        }
        return numbers
    }

    /// Whether the file has the key, be it null.
    func writes(_ key: String) -> Bool { self.members[key] != nil }

    /// A token id, or a list of them.
    mutating func tokens(_ key: String) throws(ModelError) -> [UInt32] {
        guard let value = self.value(key) else { return [] }
        var tokens: [UInt32] = []
        for element in value.array ?? [value] {
            guard let token = element.integer.flatMap(UInt32.init(exactly:)) else {
                throw self.invalid(key, "a token id or a list of token ids")
            }
            tokens.append(token)
        }
        return tokens
    }

    func required<T>(_ value: T?, _ key: String) throws(ModelError) -> T {
        guard let value else {
            throw ModelError(
                .invalidConfiguration,
                "\(self.name) lacks \"\(key)\"; download the model's files again."
            )
        }
        return value
    }

    func invalid(_ key: String, _ expected: String) -> ModelError {
        ModelError(.invalidConfiguration, "\(self.name): \"\(key)\" must be \(expected).")
    }

    /// Throws where a key is left that was given no meaning. `harmless` keys never have one; `neutral` ones have none
    /// while they hold that value.
    func finish(ignoring harmless: Set<String> = [], neutral: [String: JSON] = [:]) throws(ModelError) {
        let unknown = self.members.filter { key, value in
            !value.isNull && !self.understood.contains(key) && !harmless.contains(key)
                && neutral[key]?.canonicalBytes != value.canonicalBytes
        }
        guard let key = unknown.keys.min() else { return }
        throw ModelError(
            .unsupportedSetting,
            """
            \(self.name) has the key "\(key)", which this version does not understand. If it does not change what \
            the model computes, remove it from the file; otherwise use a version of kwaai-swift that knows it.
            """
        )
    }
}
