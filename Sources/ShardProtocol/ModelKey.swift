/// The name of a model's mathematics and tokenizer: the first 16 bytes of a SHA-256, written in hex (DESIGN.md §4).
///
/// It is computable without weights, so a coordinator that holds none can look for those who do.
public struct ModelKey: Hashable, Sendable, CustomStringConvertible {
    /// 16 bytes.
    public let bytes: [UInt8]

    public static let byteCount = 16

    /// - Throws: `ShardError` with `invalidArgument` unless there are 16 bytes.
    public init(bytes: [UInt8]) throws(ShardError) {
        guard bytes.count == Self.byteCount else {
            throw ShardError(
                code: .invalidArgument,
                message: "a model key has \(Self.byteCount) bytes, not \(bytes.count)"
            )
        }
        self.bytes = bytes
    }

    /// 32 lower-case hex digits.
    public var description: String { Hex.text(self.bytes) }
}

/// Lower-case hex, as model keys and digests are written.
package enum Hex {
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        var digits: [UInt8] = []
        for byte in bytes {
            digits.append(Self.digit(byte >> 4))
            digits.append(Self.digit(byte & 15))
        }
        return String(decoding: digits, as: UTF8.self)
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
