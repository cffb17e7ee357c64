import Foundation
import Testing

/// Three processes and a fourth that asks them, against one process that runs everything.
@Suite(.serialized) struct ChainTests {
    private struct Report: Decodable, Equatable {
        var token_ids: [UInt32]
        var text: String
    }

    private static let prompt = ["generate", "Once upon a time there was a little fox", "--json", "--seed", "7"]

    private func local(_ flags: [String] = [], home: Home) async throws -> Report {
        let outcome = try await Program.run(Self.prompt + ["--local", "--max-tokens", "60"] + flags, home: home)
        #expect(outcome.exitCode == 0, "\(outcome.error)")
        return try outcome.json()
    }

    @Test(arguments: [["0..8", "8..16", "16..24"], ["0..5", "5..17", "17..24"]])
    func `three peers give the same tokens as one process, wherever the cuts fall`(ranges: [String]) async throws {
        let home = try Home()
        let expected = try await self.local(home: home)
        #expect(expected.token_ids.count > 10)
        try await withPeers(ranges, home: home) { peers in
            for chunk in [1, 7, 64] {
                let arguments =
                    Self.prompt + [
                        "--max-tokens", "60", "--prefill-chunk", "\(chunk)", "--bootstrap", peers[0].address,
                    ]
                let outcome = try await Program.run(arguments, home: home)
                #expect(outcome.exitCode == 0, "\(outcome.error)")
                #expect(try outcome.json(as: Report.self) == expected)
            }
        }
    }

    @Test func `a pinned chain gives the same tokens without a lookup`() async throws {
        let home = try Home()
        let expected = try await self.local(home: home)
        try await withPeers(["0..12", "12..24"], home: home) { peers in
            let chain = "\(peers[0].address)@0..12,\(peers[1].address)@12..24"
            let outcome = try await Program.run(Self.prompt + ["--max-tokens", "60", "--chain", chain], home: home)
            #expect(try outcome.json(as: Report.self) == expected)
        }
    }

    @Test func `overlapping ranges make one chain`() async throws {
        let home = try Home()
        let expected = try await self.local(home: home)
        try await withPeers(["0..14", "10..24"], home: home) { peers in
            let arguments = Self.prompt + ["--max-tokens", "60", "--bootstrap", peers[0].address]
            let outcome = try await Program.run(arguments, home: home)
            #expect(try outcome.json(as: Report.self) == expected)
        }
    }

    @Test func `missing blocks end with code 3 and the command that closes the gap`() async throws {
        let home = try Home()
        try await withPeers(["0..8", "16..24"], home: home) { peers in
            let outcome = try await Program.run(Self.prompt + ["--bootstrap", peers[0].address], home: home)
            #expect(outcome.exitCode == 3)
            #expect(outcome.error.contains("kwaai-swift serve --blocks 8..16"))
        }
    }

    @Test func `dht peers lists every peer with its blocks`() async throws {
        struct Peers: Decodable {
            var peers: [Peer]
            struct Peer: Decodable {
                var blocks: String?
                var state: String?
            }
        }
        let home = try Home()
        try await withPeers(["0..12", "12..24"], home: home) { peers in
            let outcome = try await Program.run(
                ["dht", "peers", "--json", "--bootstrap", peers[0].address],
                home: home
            )
            #expect(outcome.exitCode == 0, "\(outcome.error)")
            let listed = try outcome.json(as: Peers.self).peers
            #expect(listed.compactMap(\.blocks).sorted() == ["0..12", "12..24"])
            #expect(listed.allSatisfy { $0.state == "online" })
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [SIGKILL, SIGSTOP])
    func `a peer that dies in the middle ends the generation within ten seconds, with a clear message`(
        signal: Int32
    ) async throws {
        let home = try Home()
        try await withPeers(["0..8", "8..16", "16..24"], home: home) { peers in
            let arguments = [
                "generate", "Once upon a time", "--ignore-eos", "--max-tokens", "480", "--bootstrap", peers[0].address,
            ]
            var death = ContinuousClock.now
            let outcome = try await Program.run(arguments, home: home) { _ in
                peers[1].send(signal)
                death = .now
            }
            #expect(outcome.exitCode == 1)
            #expect(ContinuousClock.now - death < .seconds(10))
            #expect(outcome.error.contains("8..16"))
            let survivors = try await Program.run(["dht", "peers", "--bootstrap", peers[0].address], home: home)
            #expect(survivors.output.contains("0..8") && survivors.output.contains("16..24"))
            if signal == SIGSTOP { peers[1].send(SIGCONT) }
        }
    }
}
