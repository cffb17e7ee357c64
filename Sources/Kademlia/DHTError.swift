internal import KademliaCore

/// Why the DHT could not do what was asked.
public struct DHTError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: Equatable, Sendable {
        /// None of the bootstrap addresses led to a peer that serves the DHT.
        case bootstrapFailed
        /// The routing table is empty: nobody can be asked.
        case noPeers
        /// Nobody knows the peer.
        case notFound
        /// The key or the value breaks the rules of its namespace.
        case invalidRecord
        /// A value with a higher sequence number is stored.
        case staleValue
        /// No peer has taken the record.
        case notStored
        /// This host listens nowhere, so nobody could reach what it provides.
        case noAddress
    }

    public var code: Code
    /// What went wrong, and what to do next.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    init(_ error: KademliaError) {
        self.init(error.code == .staleRecord ? .staleValue : .invalidRecord, error.message)
    }

    public var description: String { self.message }

    static let noPeers = DHTError(.noPeers, "no peers are known; join a swarm with --bootstrap MULTIADDR")
}
