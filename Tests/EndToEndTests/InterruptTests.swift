import Foundation
import Subprocess
import Testing

/// Ctrl-C in the middle of a generation.
struct InterruptTests {
    private struct Peers: Decodable {
        var peers: [Peer]
        struct Peer: Decodable {
            var blocks: String?
            var free_kv_bytes: UInt64?
        }
    }

    private func freeMemory(_ peers: [PeerProcess], home: Home) async throws -> [String: UInt64] {
        let arguments = ["dht", "peers", "--json", "--bootstrap", peers[0].address]
        let listed = try await Program.run(arguments, home: home).json(as: Peers.self).peers
        return Dictionary(
            uniqueKeysWithValues: listed.compactMap { peer in
                guard let blocks = peer.blocks, let free = peer.free_kv_bytes else { return nil }
                return (blocks, free)
            }
        )
    }

    @Test(.timeLimit(.minutes(1)), arguments: [SIGINT, SIGTERM])
    func `ends with 130 and frees the session on every hop`(signal: Int32) async throws {
        let home = try Home()
        try await withPeers(["0..12", "12..24"], home: home) { peers in
            let before = try await self.freeMemory(peers, home: home)
            #expect(before.count == 2)
            let outcome = try await Program.run(
                ["generate", "Once", "--ignore-eos", "--max-tokens", "500", "--bootstrap", peers[0].address],
                home: home
            ) { generate in
                kill(generate.value, signal)
            }
            #expect(outcome.exitCode == 130, "\(outcome.error)")
            #expect(outcome.output.hasPrefix("Once"))
            #expect(outcome.output.hasSuffix("\n"))
            #expect(outcome.error.isEmpty)
            #expect(try await self.freeMemory(peers, home: home) == before)
        }
    }
}
