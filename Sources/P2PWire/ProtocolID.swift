/// The name under which two peers agree what a stream speaks, as multistream-select carries it.
///
/// It is carried unchanged and compared byte by byte: some names in use, such as `DHTProtocol.rpc_find`, have no
/// leading slash.
public struct ProtocolID: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let name: String

    public init(_ name: String) {
        self.name = name
    }

    public init(stringLiteral name: String) {
        self.name = name
    }

    public var description: String { self.name }

    public static func == (a: ProtocolID, b: ProtocolID) -> Bool {
        // String equality would also accept canonically equivalent Unicode.
        a.name.utf8.elementsEqual(b.name.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        for byte in self.name.utf8 { hasher.combine(byte) }
    }
}
