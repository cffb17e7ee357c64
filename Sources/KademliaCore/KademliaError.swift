/// Why a message or a record of another peer was refused. It ends the stream that it came on, never the connection.
package struct KademliaError: Error, Equatable, Sendable {
    package enum Code: Equatable, Sendable {
        /// Not a Kademlia message: broken protobuf, an unknown type, or a part that the type needs is missing.
        case malformedMessage
        /// A bound of `Limits` is exceeded.
        case tooLarge
        /// The key's namespace is neither `/pk/` nor `/v/`.
        case unknownNamespace
        /// The value does not prove what its key claims.
        case invalidRecord
        /// A record with a higher sequence number is stored.
        case staleRecord
        /// The store is full of records that are nearer to this node, or the peer has used up its share.
        case storeFull
        /// The peer asks more often than anybody needs to.
        case tooManyRequests
    }

    package var code: Code
    /// What was wrong, and what would be accepted.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
