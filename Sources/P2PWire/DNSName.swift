import NIOCore

/// A domain name: its labels, in lower case because DNS compares them without regard to it (RFC 1035 §3.1).
package struct DNSName: Hashable, Sendable, CustomStringConvertible {
    package let labels: [[UInt8]]

    /// Takes the usual text, such as `_dnsaddr.bootstrap.libp2p.io`.
    ///
    /// - Throws: `malformed` for an empty or overlong label or name.
    package init(_ text: String) throws(WireError) {
        let dotless = text.hasSuffix(".") ? text.dropLast() : text[...]
        try self.init(labels: dotless.split(separator: ".", omittingEmptySubsequences: false).map { Array($0.utf8) })
    }

    package init(labels: [[UInt8]]) throws(WireError) {
        let length = labels.reduce(1) { $0 + 1 + $1.count }
        guard labels.allSatisfy({ (1...63).contains($0.count) }), length <= Limits.dnsEncodedNameLength else {
            throw WireError(.malformed, "a DNS name has an empty or overlong label, or is too long itself")
        }
        self.labels = labels.map { $0.map(Self.lowercased) }
    }

    package var description: String {
        self.labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
    }

    /// The same name with one label more in front.
    package func prefixed(by label: String) throws(WireError) -> DNSName {
        try DNSName(labels: [Array(label.utf8)] + self.labels)
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }

    // MARK: Bytes

    /// Reads a name at the reader index of `message`, whose index 0 is where compression pointers count from.
    ///
    /// A pointer may only lead backwards, to before everything read of this name, so that none leads in a circle.
    init(reading message: inout ByteBuffer) throws(WireError) {
        var labels: [[UInt8]] = []
        var length = 1
        var position = message.readerIndex
        var earliest = position
        // Pointers lead to what has been read already.
        var whole = message
        whole.moveReaderIndex(to: 0)
        var end: Int?
        while true {
            guard let head: UInt8 = whole.getInteger(at: position) else { throw Self.truncated }
            switch head {
            case 0:
                message.moveReaderIndex(to: end ?? position + 1)
                try self.init(labels: labels)
                return
            case 1...63:
                guard let label = whole.getBytes(at: position + 1, length: Int(head)) else { throw Self.truncated }
                length += 1 + label.count
                guard length <= Limits.dnsEncodedNameLength else {
                    throw WireError(.tooLarge, "a DNS name is longer than any may be")
                }
                labels.append(label)
                position += 1 + label.count
            case 0xc0...:
                guard let pointer: UInt16 = whole.getInteger(at: position) else { throw Self.truncated }
                end = end ?? position + 2
                position = Int(pointer & 0x3fff)
                guard position < earliest else {
                    throw WireError(.malformed, "a DNS name points forwards or at itself")
                }
                earliest = position
            default:
                throw WireError(.malformed, "a DNS name has a label of an unknown kind")
            }
        }
    }

    /// Writes the name without compression.
    func write(into buffer: inout ByteBuffer) {
        for label in self.labels {
            buffer.writeInteger(UInt8(label.count))
            buffer.writeBytes(label)
        }
        buffer.writeInteger(UInt8(0))
    }

    private static let truncated = WireError(.malformed, "a DNS message ends in the middle of a name")
}
