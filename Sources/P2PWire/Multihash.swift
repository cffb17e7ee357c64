/// A digest that says of which kind it is: code, length, digest (multiformats, multihash). What provider records are
/// kept under.
public struct Multihash: Hashable, Sendable, CustomStringConvertible {
    /// The binary form, 2 to ``Limits/multihashLength`` bytes.
    public let bytes: [UInt8]

    /// - Throws: `malformed` unless the length that stands in it is its own.
    public init(bytes: some Collection<UInt8>) throws(WireError) {
        guard bytes.count <= Limits.multihashLength else {
            throw WireError(.tooLarge, "a multihash of \(bytes.count) bytes; the limit is \(Limits.multihashLength)")
        }
        let bytes = Array(bytes)
        var rest = bytes[...]
        guard let (_, codeSize) = try UVarint.decode(rest) else { throw Self.malformed }
        rest = rest.dropFirst(codeSize)
        guard let (length, lengthSize) = try UVarint.decode(rest) else { throw Self.malformed }
        guard length == UInt64(rest.count - lengthSize), length > 0 else { throw Self.malformed }
        self.bytes = bytes
    }

    /// Takes the text of a CID ("bafy…", "Qm…", or another base), whose multihash it is, or the multihash in hex.
    public init(_ text: String) throws(WireError) {
        guard text.utf8.count <= Limits.multihashTextLength else {
            throw WireError(.tooLarge, "a key of \(text.utf8.count) characters is no CID and no multihash")
        }
        if let bytes = Multibase.bytes(base16: text.utf8) {
            try self.init(bytes: bytes)
        } else if text.hasPrefix("Qm") || text.hasPrefix("1") {
            guard let bytes = Multibase.bytes(base58btc: text.utf8) else { throw Self.unreadable(text) }
            try self.init(bytes: bytes)
        } else {
            guard let cid = Multibase.bytes(text), cid.first == 1,
                let (_, codecSize) = try? UVarint.decode(cid.dropFirst())
            else { throw Self.unreadable(text) }
            try self.init(bytes: cid.dropFirst(1 + codecSize))
        }
    }

    /// Hex, in lower case.
    public var description: String { Multibase.base16(self.bytes) }

    private static let malformed = WireError(.malformed, "a multihash does not have the length that stands in it")

    private static func unreadable(_ text: String) -> WireError {
        WireError(.malformed, "\"\(text)\" is neither a CID (bafy…, Qm…) nor a multihash in hex (1220…)")
    }
}
