import Foundation
import Subprocess
import Testing

/// What `serve` and `generate` tell of themselves with `--metrics-port`.
@Suite(.serialized) struct MetricsTests {
    private func numbers(of peer: PeerProcess) async throws -> [String: Double] {
        try await Numbers.read(at: try #require(peer.metricsPort))
    }

    @Test func `a peer tells Prometheus what it did`() async throws {
        let home = try Home()
        try await withPeers(["0..12", "12..24"], home: home, flags: ["--metrics-port", "0"]) { peers in
            let before = try await self.numbers(of: peers[1])
            #expect(before["kwaai_sessions"] ?? 0 == 0)
            #expect(before["kwaai_pass_rows_count"] == 0)
            // As a star, so that no step opens a way from one to the other.
            let arguments = ["generate", "Once upon a time", "--max-tokens", "20", "--ignore-eos", "--route", "star"]
            let outcome = try await Program.run(arguments + ["--bootstrap", peers[0].address], home: home)
            #expect(outcome.exitCode == 0, "\(outcome.error)")
            for peer in peers {
                let numbers = try await self.numbers(of: peer)
                // A step for the prompt, one for each token but the last, and the closing.
                #expect(numbers["kwaai_steps_total{code=\"ok\"}"] == 21)
                #expect(numbers["kwaai_pass_steps_sum"] == 20)
                #expect(try #require(numbers["kwaai_pass_rows_sum"]) > 20)
                #expect(numbers["kwaai_step_compute_seconds_count"] == 20)
                #expect(numbers["kwaai_step_queue_seconds_count"] == 20)
                #expect(try #require(numbers["kwaai_step_serialise_seconds_count"]) >= 20)
                #expect(try #require(numbers["kwaai_step_network_seconds_count"]) >= 20)
                #expect(try #require(numbers["kwaai_step_compute_seconds_sum"]) > 0)
                #expect(numbers["kwaai_sessions"] == 0)
                #expect(numbers["kwaai_queued_steps"] == 0)
                #expect(numbers["kwaai_kv_reserved_bytes"] == 0)
                #expect(try #require(numbers["kwaai_kv_free_bytes"]) > 0)
                #expect(try #require(numbers["kwaai_step_request_bytes_total"]) > 1000)
                #expect(try #require(numbers["kwaai_network_received_bytes_total"]) > 1000)
                #expect(try #require(numbers["kwaai_network_sent_bytes_total"]) > 1000)
            }
        }
    }

    @Test func `a peer tells of a session and its memory as long as a generation stands still in it`() async throws {
        let home = try Home()
        try await withPeers(["0..12", "12..24"], home: home, flags: ["--metrics-port", "0"]) { peers in
            let arguments = ["generate", "Once upon a time", "--max-tokens", "20", "--ignore-eos"]
            var during: [[String: Double]] = []
            let outcome = try await Program.hold(
                arguments + ["--bootstrap", peers[0].address],
                home: home
            ) { _ in
                for peer in peers {
                    during.append(
                        try await Numbers.read(at: try #require(peer.metricsPort)) { $0["kwaai_sessions"] == 1 }
                    )
                }
            }
            #expect(outcome.exitCode == 0, "\(outcome.error)")
            for (peer, during) in zip(peers, during) {
                #expect(during["kwaai_sessions"] == 1)
                let reserved = try #require(during["kwaai_kv_reserved_bytes"])
                #expect(reserved > 0)
                let after = try await self.numbers(of: peer)
                #expect(after["kwaai_sessions"] == 0)
                #expect(after["kwaai_kv_reserved_bytes"] == 0)
                // What one session has is what others lack.
                #expect(after["kwaai_kv_free_bytes"] == during["kwaai_kv_free_bytes"].map { $0 + reserved })
            }
        }
    }

    @Test func `a generation tells Prometheus of the hop that it lost, and of whoever went on`() async throws {
        let home = try Home()
        try await withPeers(["0..12", "12..24", "12..24"], home: home) { peers in
            let prompt = ["generate", "Once upon a time", "--ignore-eos", "--max-tokens", "40", "--seed", "7"]
            let expected = try await Program.run(prompt + ["--local"], home: home).output
            let arguments = prompt + ["--stats", "--metrics-port", "0", "--bootstrap", peers[0].address]
            var numbers: [String: Double] = [:]
            let outcome = try await Program.hold(arguments, home: home) { generation in
                _ = await generation.error.wait(for: "/metrics")
                let log = await generation.error.wait(for: "Chain: ")
                let port = try #require(Numbers.port(in: log), "\(log)")
                let hop = try #require(GenerationLog(text: log).hops.last, "\(log)")
                #expect(try await Numbers.read(at: port)["kwaai_failovers_total"] ?? 0 == 0)
                // It tells a person of its loss, and stands still at that.
                generation.error.fill()
                try #require(peers.first { $0.address.hasSuffix(hop) }).send(SIGKILL)
                generation.output.take()
                numbers = try await Numbers.read(at: port) { ($0["kwaai_failovers_total"] ?? 0) > 0 }
            }
            #expect(outcome.output == expected, "\(outcome.error)")
            #expect(numbers["kwaai_failovers_total"] == 1)
            #expect(try #require(numbers["kwaai_hop_bans_total"]) >= 1)
            let recoveries = GenerationLog(text: outcome.error).recoveries
            #expect(recoveries.count == 1, "\(outcome.error)")
            #expect(numbers["kwaai_replayed_tokens_total"] == recoveries.first.map { Double($0.tokens) })
        }
    }

    @Test func `a generation tells Prometheus of its hops while it runs`() async throws {
        let home = try Home()
        let log = "\(home.path)/generate.log"
        try await withPeers(["0..12", "12..24"], home: home) { peers in
            let arguments = [
                "-c", "exec \"$0\" \"$@\" 2>\(log)", "\(Program.path)", "generate", "Once upon a time", "--ignore-eos",
                "--max-tokens", "400", "--metrics-port", "0", "--bootstrap", peers[0].address,
            ]
            let outcome = try await Subprocess.run(
                .name("sh"),
                arguments: Arguments(arguments),
                environment: home.environment,
                input: .none,
                output: .sequence,
                error: .discarded
            ) { generation -> [String: Double] in
                defer { kill(generation.processIdentifier.value, SIGTERM) }
                // The text begins when the prompt has gone through both hops.
                for try await _ in generation.standardOutput {
                    let said = try String(contentsOfFile: log, encoding: .utf8)
                    return try await Numbers.read(at: try #require(Numbers.port(in: said), "\(said)"))
                }
                return [:]
            }
            let numbers = outcome.closureResult
            for part in ["compute", "queue", "serialise", "network"] {
                #expect(try #require(numbers["kwaai_hop_\(part)_seconds_count"]) >= 2)
            }
            #expect(try #require(numbers["kwaai_hop_serialise_seconds_sum"]) > 0)
            #expect(numbers["kwaai_failovers_total"] == 0)
            #expect(numbers["kwaai_hop_bans_total"] == 0)
            #expect(try #require(numbers["kwaai_network_sent_bytes_total"]) > 1000)
        }
    }

    @Test func `an address that other machines can reach is refused`() async throws {
        let home = try Home()
        let arguments = ["serve", "--blocks", "0..1", "--metrics-port", "0.0.0.0:9100"]
        let outcome = try await Program.run(arguments, home: home)
        #expect(outcome.exitCode == 2)
        #expect(outcome.error.contains("give a port alone"))
    }
}
