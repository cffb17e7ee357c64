/// A dictionary, in the order in which its keys came.
package struct Mapping {
    private(set) var keys: [Value] = []
    private(set) var values: [Value] = []
    private var positions: [Key: Int] = [:]
    /// 1 more than the deepest value or key has.
    private(set) var depth = 1

    package init() {}

    /// The last value of a key wins, at the place of the first.
    package init(_ members: [(key: String, value: Value)]) {
        for member in members { set(.string(member.key), at: .text(Array(member.key.utf8)), to: member.value) }
    }

    var count: Int { keys.count }

    var pairs: [(key: Value, value: Value)] { Array(zip(keys, values)).map { (key: $0.0, value: $0.1) } }

    subscript(key: Key) -> Value? { positions[key].map { values[$0] } }

    subscript(name: String) -> Value? { self[.text(Array(name.utf8))] }

    mutating func set(_ name: String, to value: Value) {
        set(.string(name), at: .text(Array(name.utf8)), to: value)
    }

    mutating func set(_ key: Value, at hashed: Key, to value: Value) {
        depth = max(depth, 1 + max(key.depth, value.depth))
        if let position = positions[hashed] {
            values[position] = value
        } else {
            positions[hashed] = keys.count
            keys.append(key)
            values.append(value)
        }
    }
}

/// A key by what Python compares: 1, 1.0 and True are one, and texts are their bytes.
enum Key: Hashable {
    case none
    case integer(Int)
    case float(Double)
    case text([UInt8])
    case tuple([Key])
    case object(ObjectIdentifier)
    case undefined

    /// - Throws: `type` for what Python cannot hash.
    init(_ value: Value) throws(JinjaError) {
        switch value {
        case .undefined: self = .undefined
        case .none: self = .none
        case .boolean(let flag): self = .integer(flag ? 1 : 0)
        case .integer(let number): self = .integer(number)
        case .float(let number): self = Int(exactly: number).map { .integer($0) } ?? .float(number)
        case .string(let text): self = .text(Array(text.utf8))
        case .tuple(let list): self = .tuple(try list.elements.map { element throws(JinjaError) in try Key(element) })
        case .generator(let generator): self = .object(ObjectIdentifier(generator))
        case .namespace(let namespace): self = .object(ObjectIdentifier(namespace))
        case .loop(let loop): self = .object(ObjectIdentifier(loop))
        case .list, .dictionary, .view, .callable: throw .type("unhashable type: '\(value.typeName)'")
        }
    }
}
