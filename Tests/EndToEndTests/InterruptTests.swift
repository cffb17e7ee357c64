import Foundation
import Subprocess
import Testing

/// Ctrl-C in the middle of a generation.
struct InterruptTests {
    @Test(.timeLimit(.minutes(1)), arguments: [SIGINT, SIGTERM])
    func `ends with 130 and frees the session on every hop`(signal: Int32) async throws {
        let home = try Home()
        try await withPeers(["0..12", "12..24"], home: home) { peers in
            let before = try await freeMemory(peers, home: home)
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
            #expect(try await freeMemory(peers, home: home) == before)
        }
    }
}
