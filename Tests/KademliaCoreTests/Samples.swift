import KademliaSimulation
import NIOCore
import P2PWire

@testable import KademliaCore

/// Values that many tests need, all derived from small numbers.
enum Sample {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    /// A well-formed peer id; nobody holds its key.
    static func peerID(_ number: Int) -> PeerID {
        var generator = SeededGenerator(seed: UInt64(number))
        let key = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return try! PeerID(bytes: [0x00, 0x24, 0x08, 0x01, 0x12, 0x20] + key)
    }

    static func peer(_ number: Int, addressCount: Int = 1) -> PeerInfo {
        let addresses = (0..<addressCount).map { try! Multiaddr("/ip4/127.0.0.1/tcp/\(1_000 + $0)") }
        return PeerInfo(id: self.peerID(number), addresses: addresses)
    }

    static func peers(_ numbers: Range<Int>) -> [PeerInfo] {
        numbers.map { self.peer($0) }
    }

    static func identity(_ number: UInt8) -> Identity {
        try! Identity(seed: Array(repeating: number, count: 32))
    }

    /// Peers whose points share exactly `bits` leading bits with `owner`.
    static func peers(_ count: Int, sharing bits: Int, with owner: PeerID) -> [PeerInfo] {
        let key = KademliaKey(owner)
        var found: [PeerInfo] = []
        var number = 1_000
        while found.count < count {
            let peer = self.peer(number)
            if KademliaKey(peer.id).commonPrefixLength(with: key) == bits { found.append(peer) }
            number += 1
        }
        return found
    }

    static func sorted(_ peers: [PeerInfo], by target: KademliaKey) -> [PeerInfo] {
        peers.map { (KademliaKey($0.id).distance(to: target), $0) }.sorted { $0.0 < $1.0 }.map(\.1)
    }
}
