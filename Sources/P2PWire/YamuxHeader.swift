package import NIOCore

/// The name of one stream of a connection: odd when the dialer opened it, even when the listener did, 0 for the session.
package struct StreamID: Hashable, Sendable, RawRepresentable, CustomStringConvertible {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package static let session = StreamID(rawValue: 0)

    package var description: String { "stream \(self.rawValue)" }
}

/// The 12 bytes in front of every Yamux frame: version, type, flags, stream, length, all big-endian.
package struct YamuxHeader: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// `length` bytes of a stream follow.
        case data = 0
        /// `length` more bytes may be sent on the stream.
        case windowUpdate = 1
        /// `length` is an opaque value that the answer repeats.
        case ping = 2
        /// `length` is the reason (``YamuxGoAway``).
        case goAway = 3
    }

    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt16

        package init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        package static let syn = Flags(rawValue: 1)
        package static let ack = Flags(rawValue: 2)
        package static let fin = Flags(rawValue: 4)
        package static let rst = Flags(rawValue: 8)
    }

    package static let byteCount = 12

    package var kind: Kind
    package var flags: Flags
    package var stream: StreamID
    package var length: UInt32

    package init(_ kind: Kind, _ flags: Flags = [], stream: StreamID, length: UInt32 = 0) {
        self.kind = kind
        self.flags = flags
        self.stream = stream
        self.length = length
    }

    /// Reads one header; `nil` while fewer than 12 bytes are there.
    ///
    /// - Throws: `protocolViolation` for a version other than 0 or an unknown type, either of which ends the session.
    package init?(reading bytes: inout ByteBuffer) throws(WireError) {
        typealias Fields = (UInt8, UInt8, UInt16, UInt32, UInt32)
        guard let fields: Fields = bytes.readMultipleIntegers(endianness: .big) else { return nil }
        guard fields.0 == 0 else {
            throw WireError(.protocolViolation, "the peer speaks Yamux version \(fields.0); this side speaks version 0")
        }
        guard let kind = Kind(rawValue: fields.1) else {
            throw WireError(.protocolViolation, "the peer sent an unknown Yamux frame type \(fields.1)")
        }
        self.init(kind, Flags(rawValue: fields.2), stream: StreamID(rawValue: fields.3), length: fields.4)
    }

    package func write(into bytes: inout ByteBuffer) {
        bytes.writeMultipleIntegers(
            0 as UInt8,
            self.kind.rawValue,
            self.flags.rawValue,
            self.stream.rawValue,
            self.length,
            endianness: .big
        )
    }
}

/// Why a session ends, as its last frame says.
package enum YamuxGoAway: UInt32, Sendable {
    case normal = 0
    case protocolError = 1
    case internalError = 2
}
