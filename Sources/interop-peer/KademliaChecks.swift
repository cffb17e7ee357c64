import Kademlia
import P2PCore
import P2PWire

/// What the other side's Kademlia must be able to do.
extension Checks {
    /// The peer serves the DHT, and knows itself: otherwise nobody could verify where it is.
    func findNode() async throws {
        try await self.join()
        let closest = await self.dht.closestPeers(to: self.peer.id.bytes)
        guard closest.first?.id == self.peer.id else {
            throw CheckFailure(description: "\(self.peer.id) is not the closest to itself among \(closest.map(\.id))")
        }
    }

    /// The one value that every implementation validates alike: a public key under the id that is made of it.
    func put() async throws {
        try await self.join()
        let identity = self.host.configuration.identity
        try await self.dht.put(Self.publicKeyName(identity.peerID), identity.publicKey.protobuf)
    }

    /// Stored by `put` of the same seed before.
    func get() async throws {
        try await self.join()
        let identity = self.host.configuration.identity
        guard try await self.dht.get(Self.publicKeyName(identity.peerID)) == identity.publicKey.protobuf else {
            throw CheckFailure(description: "our public key did not come back")
        }
    }

    private static func publicKeyName(_ peer: PeerID) -> [UInt8] { Array("/pk/".utf8) + peer.bytes }

    /// The other side takes our provider records.
    func provide() async throws {
        try await self.join()
        for key in try self.multihashes() {
            guard try await self.dht.provide(key) > 0 else {
                throw CheckFailure(description: "nobody took the provider record")
            }
        }
    }

    /// The other side names who provided before us.
    func findProviders() async throws {
        try await self.join()
        for (key, provider) in zip(try self.multihashes(), self.providers) {
            let found = try await self.dht.providers(of: key).map(\.id.description)
            guard found.contains(provider) else {
                throw CheckFailure(description: "\(provider) is not among the providers \(found)")
            }
        }
    }

    private func join() async throws {
        let protocolID = ProtocolID("\(self.prefix)/kad/1.0.0")
        guard try await self.identification({ _ in true }).protocols.contains(protocolID) else {
            throw P2PError(.unsupportedProtocol, "the peer does not serve \(protocolID)")
        }
        _ = try await self.dht.bootstrap()
        guard await !self.dht.peers.isEmpty else {
            throw CheckFailure(description: "the peer does not belong into a routing table")
        }
    }

    private func multihashes() throws -> [[UInt8]] {
        try self.keys.map { key in
            let digits = key.compactMap(\.hexDigitValue)
            guard !digits.isEmpty, digits.count == key.count, digits.count.isMultiple(of: 2) else {
                throw CheckFailure(description: "--key must hold multihashes in hexadecimal, not \"\(key)\"")
            }
            return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
        }
    }
}
