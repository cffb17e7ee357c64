package import P2PWire

/// A map with string keys: how our structures look on the wire.
///
/// Unknown keys are kept out of the way, so that later versions may add some; a key that stands twice is refused, as
/// Rust's serde refuses it.
package struct MessagePackMap {
    private let fields: [String: MessagePackValue]
    /// What the map is, for messages.
    private let name: String

    package init(_ value: MessagePackValue, name: String) throws(ShardError) {
        guard case .map(let pairs) = value else { throw .malformed("\(name) is no MessagePack map") }
        var fields: [String: MessagePackValue] = [:]
        for pair in pairs {
            guard case .string(let key) = pair.key else { throw .malformed("\(name) has a key that is no string") }
            guard fields.updateValue(pair.value, forKey: key) == nil else {
                throw .malformed("\(name) has the key \(key.prefix(Limits.name)) twice")
            }
        }
        self.fields = fields
        self.name = name
    }

    /// The value of `key`; nil when it is missing or nil.
    package subscript(key: String) -> MessagePackValue? {
        let value = self.fields[key]
        return value == .null ? nil : value
    }

    package func wrong(_ key: String) -> ShardError {
        .malformed("\(self.name) lacks a valid \(key)")
    }

    /// An unsigned integer that fits `Number`, or nil when it is missing.
    package func optional<Number: FixedWidthInteger>(_ key: String, as type: Number.Type) throws(ShardError) -> Number?
    {
        guard let value = self[key] else { return nil }
        guard case .unsigned(let number) = value, let fitting = Number(exactly: number) else { throw self.wrong(key) }
        return fitting
    }

    package func number<Number: FixedWidthInteger>(_ key: String, as type: Number.Type) throws(ShardError) -> Number {
        guard let number = try self.optional(key, as: type) else { throw self.wrong(key) }
        return number
    }

    /// A string of at most `Limits.name` bytes that may be shown to a person.
    package func text(_ key: String) throws(ShardError) -> String {
        guard case .string(let text) = self[key], text.utf8.count <= Limits.name, text.isPrintable else {
            throw self.wrong(key)
        }
        return text
    }

    package func boolean(_ key: String, default missing: Bool) throws(ShardError) -> Bool {
        guard let value = self[key] else { return missing }
        guard case .boolean(let flag) = value else { throw self.wrong(key) }
        return flag
    }

    /// `bin` of exactly `count` bytes.
    package func binary(_ key: String, count: Int) throws(ShardError) -> [UInt8] {
        guard case .binary(let bytes) = self[key], bytes.count == count else { throw self.wrong(key) }
        return bytes
    }

    /// The bytes of a peer id; nil when they are missing.
    package func optionalPeer(_ key: String) throws(ShardError) -> PeerID? {
        guard let value = self[key] else { return nil }
        guard case .binary(let bytes) = value, let peer = try? PeerID(bytes: bytes) else { throw self.wrong(key) }
        return peer
    }

    /// A finite number that is not negative, whether it came as an integer or a float.
    package func magnitude(_ key: String) throws(ShardError) -> Double {
        switch self[key] {
        case .unsigned(let number): return Double(number)
        case .double(let number) where number.isFinite && number >= 0: return number
        case .none, .null, .boolean, .negative, .double, .string, .binary, .array, .map, .extended:
            throw self.wrong(key)
        }
    }

    /// An array of at most `limit` values; a missing one is empty.
    package func array(_ key: String, limit: Int) throws(ShardError) -> [MessagePackValue] {
        guard let value = self[key] else { return [] }
        guard case .array(let values) = value, values.count <= limit else { throw self.wrong(key) }
        return values
    }

    /// An array of at most `limit` names, each at most `Limits.name` bytes; a missing one is empty.
    package func texts(_ key: String, limit: Int) throws(ShardError) -> [String] {
        var texts: [String] = []
        for value in try self.array(key, limit: limit) {
            guard case .string(let text) = value, text.utf8.count <= Limits.name else { throw self.wrong(key) }
            texts.append(text)
        }
        return texts
    }
}
