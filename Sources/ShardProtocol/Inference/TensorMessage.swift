internal import NIOCore

/// The fields that requests and responses of `/kwaai/inference/1.0.0` are made of, as read, before they are judged.
///
/// A message is a map with string keys, of which unknown ones are skipped, or a positional array of the first five.
/// A field that is missing, stands twice or is of another type is refused, as Rust's serde refuses it.
struct TensorMessage {
    enum Field: String {
        case sessionID = "session_id"
        case position = "seq_pos"
        case payloadType = "payload_type"
        case responseType = "response_type"
        case shape
        case data
        case error
        case step = "x"
    }

    static let requestFields: [Field] = [.sessionID, .position, .payloadType, .shape, .data]
    static let responseFields: [Field] = [.sessionID, .responseType, .shape, .data, .error]

    private(set) var sessionID: UInt64?
    private(set) var position: UInt32?
    private(set) var kind: String?
    private(set) var shape: [UInt32]?
    private(set) var data: ByteBuffer?
    private(set) var error: String?
    private(set) var step: MessagePackValue?
    private var seen: Set<Field> = []

    /// - Parameter fields: the message's own, in order; `x` may join them in a map.
    init(_ bytes: ByteBuffer, fields: [Field]) throws(ShardError) {
        guard bytes.readableBytes <= Limits.receivedMessage else {
            throw ShardError(
                code: .tooLarge,
                message: "a message of \(bytes.readableBytes) bytes; at most \(Limits.receivedMessage) are accepted"
            )
        }
        var cursor = MessagePackCursor(bytes)
        switch try cursor.readLead() {
        case .array(let count):
            guard count == fields.count else {
                throw .malformed("a positional message of \(count) values; \(fields.count) are expected")
            }
            for field in fields { try self.read(field, from: &cursor) }
        case .map(let count):
            guard count <= Limits.treeValues else { throw .malformed("a message of \(count) keys") }
            for _ in 0..<count {
                let key = try cursor.readValue()
                guard case .string(let name) = key else { throw .malformed("a key of a message is no string") }
                if let field = Field(rawValue: name), field == .step || fields.contains(field) {
                    try self.read(field, from: &cursor)
                } else {
                    _ = try cursor.readExtent()
                }
            }
        case .null, .scalar, .string, .binary, .extended: throw .malformed("a message is neither a map nor an array")
        }
    }

    private mutating func read(_ field: Field, from cursor: inout MessagePackCursor) throws(ShardError) {
        guard self.seen.insert(field).inserted else { throw .malformed("\(field.rawValue) stands twice") }
        switch field {
        case .sessionID: self.sessionID = try Self.number(cursor.readValue(), field)
        case .position: self.position = try Self.number(cursor.readValue(), field)
        case .payloadType, .responseType: self.kind = try Self.text(cursor.readValue(), field)
        case .shape: self.shape = try Self.shape(cursor.readValue())
        case .data: self.data = try cursor.readByteString()
        case .error:
            let value = try cursor.readValue()
            self.error = value == .null ? nil : String(try Self.text(value, field).prefix(Limits.errorText)).printable
        case .step:
            let value = try cursor.readValue()
            self.step = value == .null ? nil : value
        }
    }

    private static func number<Number: FixedWidthInteger>(
        _ value: MessagePackValue,
        _ field: Field
    ) throws(ShardError) -> Number {
        guard case .unsigned(let number) = value, let fitting = Number(exactly: number) else {
            throw .malformed("\(field.rawValue) is no integer of \(Number.bitWidth) bits")
        }
        return fitting
    }

    private static func text(_ value: MessagePackValue, _ field: Field) throws(ShardError) -> String {
        guard case .string(let text) = value else { throw .malformed("\(field.rawValue) is no string") }
        return text
    }

    private static func shape(_ value: MessagePackValue) throws(ShardError) -> [UInt32] {
        guard case .array(let dimensions) = value else { throw .malformed("shape is no array") }
        guard dimensions.count <= Limits.rank else {
            throw ShardError(
                code: .badTensor,
                message: "a tensor of \(dimensions.count) dimensions: at most \(Limits.rank) are accepted"
            )
        }
        var shape: [UInt32] = []
        for dimension in dimensions { shape.append(try Self.number(dimension, .shape)) }
        return shape
    }

    /// The value of a field that must be there.
    static func required<Value>(_ value: Value?, _ field: Field) throws(ShardError) -> Value {
        guard let value else { throw .malformed("\(field.rawValue) is missing") }
        return value
    }
}
