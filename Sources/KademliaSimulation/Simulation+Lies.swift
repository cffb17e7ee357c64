internal import KademliaCore
internal import P2PWire

extension Simulation {
    /// What the liar `index` answers; nil when it keeps silent.
    mutating func answer(of index: Int, telling lie: Adversary.Lie, to asker: PeerID, _ request: Message) -> Message? {
        let target = KademliaKey(hashing: request.key)
        var answer = Message(request.kind, key: request.key)
        switch lie {
        case .silence:
            return nil
        case .ignorance:
            break
        case .collusion:
            answer.closerPeers = self.closest(to: target, but: index) { !$0.isHonest && !$0.isGone }
                .map { self.members[$0].info }
        case .invention:
            answer.closerPeers = self.invented(closeTo: target, existing: false)
        case .multiplication:
            answer.closerPeers = self.invented(closeTo: target, existing: true)
        case .forgetting, .falseProviders:
            answer.closerPeers = self.members[index].node.table.closest(to: target) { $0 != asker }
        }
        if lie == .falseProviders, request.kind == .getProviders {
            answer.providerPeers = (0..<Limits.providersPerAnswer).map { _ in
                PeerInfo(id: PeerID.drawn(using: &self.generator), addresses: self.members[index].info.addresses)
            }
        }
        return answer
    }

    /// What an invented peer answers: nil where nobody is, and more of its kind where the liars run it.
    func inventedAnswer(of peer: PeerID, _ request: Message) -> Message? {
        guard self.adversary.lies.contains(.multiplication), Self.exists(peer), self.invented?.contains(peer) == true
        else { return nil }
        let closer = self.invented(closeTo: KademliaKey(hashing: request.key), existing: true)
        return Message(request.kind, key: request.key, closerPeers: closer)
    }

    private func invented(closeTo target: KademliaKey, existing: Bool) -> [PeerInfo] {
        let drawn = self.invented?.closest(to: target, count: 3 * Limits.bucketSize) ?? []
        return drawn.filter { Self.exists($0) == existing }.prefix(Limits.bucketSize).map { id in
            let number = Int(id.bytes[7]) << 8 | Int(id.bytes[8])
            // Who runs it has it in his own network; an address where nobody is may be of any.
            let addresses =
                existing
                ? self.members[number % self.liarCount].info.addresses
                : [Self.address(network: number % (89 * 256), host: number)]
            return PeerInfo(id: id, addresses: addresses)
        }
    }

    /// One half of the invented ids is for those that exist, the other for those that do not.
    private static func exists(_ peer: PeerID) -> Bool { peer.bytes[6] & 1 == 0 }
}
