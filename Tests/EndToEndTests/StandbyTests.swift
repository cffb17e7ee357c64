import Foundation
import Subprocess
import Testing

/// `generate --standby` over whole processes, one of which is killed.
@Suite(.serialized, .timeLimit(.minutes(2))) struct StandbyTests {
    /// Long, so that to run it again would show.
    private static let promptIDs = (0..<40).map { "\(20 + 7 * $0)" }
    private static let generate = [
        "generate", "--prompt-ids", promptIDs.joined(separator: ","), "--ignore-eos", "--max-tokens", "40",
        "--temperature", "0.8", "--seed", "3",
    ]

    @Test(arguments: [0, 1]) func `whoever stands by takes over from a hop that is killed, and has read the prompt`(
        hop: Int
    ) async throws {
        let home = try Home()
        let expected = try await Program.run(Self.generate + ["--local"], home: home).output
        let ranges = ["0..12", "12..24", "0..12", "12..24"]
        try await withPeers(ranges, home: home, flags: ["--metrics-port", "0"]) { peers in
            var hops: [String] = []
            let arguments = Self.generate + ["--standby", "--stats", "--bootstrap", peers[0].address]
            let outcome = try await Program.hold(arguments, home: home) { generation in
                hops = GenerationLog(text: await generation.error.wait(for: "Chain: ")).hops
                // The generation stands still, a pass beyond what it could tell: what others have been given, they were given
                // beside it.
                let prompt = Double(Self.promptIDs.count)
                for peer in peers {
                    let numbers = try await Numbers.read(at: try #require(peer.metricsPort)) {
                        $0["kwaai_pass_rows_sum"] ?? 0 >= prompt
                    }
                    #expect([prompt, prompt + 1].contains(numbers["kwaai_pass_rows_sum"]))
                    #expect(numbers["kwaai_sessions"] == 1)
                }
                try #require(peers.first { $0.address.hasSuffix(hops[hop]) }).send(SIGKILL)
            }
            #expect(outcome.exitCode == 0, "\(outcome.error)")
            #expect(outcome.output == expected)
            let recoveries = GenerationLog(text: outcome.error).recoveries
            #expect(recoveries.map(\.blocks) == [ranges[hop]], "\(outcome.error)")
            #expect(recoveries.map(\.from) == [hops[hop]])
            let spare = zip(ranges, peers).first { $0 == ranges[hop] && !$1.address.hasSuffix(hops[hop]) }
            #expect(try recoveries.map(\.to).allSatisfy { try #require(spare).1.address.hasSuffix($0) })
            // Whoever stands by may lack that many, and never the prompt.
            #expect(recoveries.allSatisfy { $0.tokens <= 16 }, "\(outcome.error)")
        }
    }
}
