package import NIOCore

/// The messages of multistream-select 1.0: a varint length, UTF-8 text, and the newline that the length counts too.
package enum Multistream {
    /// The first message of each side.
    package static let header = "/multistream/1.0.0"
    /// The listener's answer to a protocol it does not speak.
    static let notAvailable = "na"

    package static func write(_ token: String, into bytes: inout ByteBuffer) {
        bytes.writeUVarint(UInt64(token.utf8.count + 1))
        bytes.writeString(token)
        bytes.writeInteger(UInt8(ascii: "\n"))
    }

    /// Reads one message and leaves what follows it; `nil` when it has not all arrived.
    ///
    /// - Throws: `tooLarge` beyond ``Limits/multistreamToken``, `malformed` without its newline or for bytes that are
    ///   not UTF-8. Negotiation ends either way.
    package static func read(from bytes: inout ByteBuffer) throws(WireError) -> String? {
        guard let message = try bytes.readUVarintPrefixedSlice(limit: Limits.multistreamToken) else { return nil }
        let text = message.readableBytesView
        guard text.last == UInt8(ascii: "\n"), let token = String(validating: text.dropLast(), as: UTF8.self) else {
            throw WireError(.malformed, "the peer sent a multistream message that is not a line of text")
        }
        return token
    }
}
