internal import KademliaCore
internal import P2PCore
public import P2PWire

/// Ways into the swarm that were found by other means than the DHT.
extension DHT {
    /// Enters the swarm through a peer that mDNS, say, has named. If the peer does not serve this DHT, the connection that
    /// was made for it ends.
    ///
    /// - Returns: whether it serves this DHT.
    @discardableResult
    public func enter(through peer: PeerInfo) async -> Bool {
        let wasConnected = self.host.connectedPeers.contains(peer.id)
        let request = Message(.findNode, key: self.host.peerID.bytes)
        do throws(P2PError) {
            _ = try await self.ask(request, of: peer)
        } catch {
            if !wasConnected { await self.host.disconnect(peer.id) }
            return false
        }
        self.answered(peer)
        _ = await self.search(request)
        // What found nobody to take it until now need not wait for the next round.
        await self.republish()
        return true
    }
}
