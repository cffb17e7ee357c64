import Kademlia
import P2PCore
import P2PWire

/// Ways into the network that mDNS finds on the local one: peers that serve the same DHT.
struct LocalEntrances: Sendable {
    private let found: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// How long to listen before nobody is there: two questions leave within the first second.
    private static let patience = Duration.seconds(3)

    init() {
        (self.found, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Looks for peers until the task is cancelled, and tells the DHT of each.
    func watch(_ host: Host, _ dht: DHT) async {
        await LocalDiscovery(host: host).run { peer in
            guard await dht.enter(through: peer) else { return }
            // It may be found next time without mDNS, and somebody else's network may be gone by then: only a hint.
            try? RememberedPeers(path: Directories.peersFile).remember(await dht.peers)
            self.continuation.yield()
        }
    }

    /// - Returns: whether one was found in time, or before.
    func waitForOne() async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in self.found { return true }
                return false
            }
            group.addTask {
                // Cancelled when somebody was found.
                try? await Task.sleep(for: Self.patience)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }
}
