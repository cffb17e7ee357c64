import Kademlia
import P2PCore
import P2PWire

/// Runs `body` as a client of the network that is connected to one peer.
///
/// An address is dialled as it is; to find a peer by its id alone, the client joins the DHT.
func withPeer<Result: Sendable>(
    _ reference: PeerReference,
    _ options: NetworkOptions,
    _ body: @escaping @Sendable (Host, PeerInfo) async throws -> Result
) async throws -> Result {
    let settings = try await Settings.load()
    switch reference {
    case .address(let address):
        return try await withClient(options, settings: settings, bootstraps: false) { swarm in
            let peer = try await swarm.host.dial(address)
            return try await body(swarm.host, PeerInfo(id: peer, addresses: [address.withoutPeerID]))
        }
    case .peer(let id):
        return try await withClient(options, settings: settings) { swarm in
            let peer = try await swarm.dht.findPeer(id)
            try await swarm.host.connect(to: peer)
            return try await body(swarm.host, peer)
        }
    }
}
