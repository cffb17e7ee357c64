package import P2PWire

/// The bytes of KV-cache that sessions have reserved, and each peer's share of them.
package struct KVBudget: Sendable {
    /// Bytes that all sessions together may reserve.
    package let capacity: Int
    private var reservations: [SessionKey: Int] = [:]
    private var reservedByPeer: [PeerID: Int] = [:]
    /// Bytes reserved.
    package private(set) var reserved = 0

    package init(capacity: Int) {
        self.capacity = max(0, capacity)
    }

    package var free: Int { self.capacity - self.reserved }

    package func reservation(of key: SessionKey) -> Int { self.reservations[key] ?? 0 }

    package func reserved(by peer: PeerID) -> Int { self.reservedByPeer[peer] ?? 0 }

    /// What each peer may be sure of: the capacity over those that hold a part of it, `peer` counted among them.
    ///
    /// - Parameter gone: peers that hold a part but no longer count.
    package func fairShare(with peer: PeerID, gone: some Collection<PeerID> = []) -> Int {
        let others = self.reservedByPeer.keys.count { $0 != peer && !gone.contains($0) }
        return self.capacity / (others + 1)
    }

    /// Raises a session's reservation to `bytes`; false, and nothing changed, when they are not free.
    package mutating func reserve(_ bytes: Int, for key: SessionKey) -> Bool {
        let more = bytes - self.reservation(of: key)
        guard more > 0 else { return true }
        guard more <= self.free else { return false }
        self.reservations[key] = bytes
        self.reservedByPeer[key.peer, default: 0] += more
        self.reserved += more
        return true
    }

    /// Gives back all that a session reserved.
    package mutating func release(_ key: SessionKey) {
        guard let bytes = self.reservations.removeValue(forKey: key) else { return }
        self.reserved -= bytes
        let left = self.reserved(by: key.peer) - bytes
        self.reservedByPeer[key.peer] = left > 0 ? left : nil
    }
}
