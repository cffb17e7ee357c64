import Foundation
public import P2PWire

/// The peers of the last time, in a file, so that a network is found again without naming anyone (DESIGN.md §4).
///
/// One multiaddr a line, `/p2p/` included.
public struct RememberedPeers: Sendable {
    private let path: String

    /// Enough to find a network again that has changed much meanwhile (DESIGN.md §4).
    package static let capacity = 64

    /// - Parameter path: need not exist yet.
    public init(path: String) {
        self.path = path
    }

    /// What was remembered; lines that are no multiaddr are passed over, since the file is only a hint.
    public var addresses: [Multiaddr] {
        guard let text = try? String(contentsOfFile: self.path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").prefix(Self.capacity).compactMap { try? Multiaddr(String($0)) }
    }

    /// Replaces what was remembered by the first address of each of these peers; an empty list changes nothing.
    public func remember(_ peers: [PeerInfo]) throws {
        let lines = peers.prefix(Self.capacity).compactMap { peer in
            peer.addresses.first.map { "\($0.withoutPeerID.appending(peer: peer.id))" }
        }
        guard !lines.isEmpty else { return }
        let file = URL(fileURLWithPath: self.path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: file, options: .atomic)
    }
}
