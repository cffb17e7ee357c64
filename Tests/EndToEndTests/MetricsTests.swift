import Foundation
import Subprocess
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What `serve` and `generate` tell of themselves with `--metrics-port`.
@Suite(.serialized) struct MetricsTests {
    /// The value of each line, by its name and labels.
    private func numbers(of peer: PeerProcess) async throws -> [String: Double] {
        try await self.numbers(at: try #require(peer.metricsPort))
    }

    private func numbers(at port: Int) async throws -> [String: Double] {
        let url = try #require(URL(string: "http://127.0.0.1:\(port)/metrics"))
        let (data, response) = try await URLSession.shared.data(from: url)
        #expect((response as? HTTPURLResponse)?.statusCode == 200)
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }
        return Dictionary(
            uniqueKeysWithValues: try lines.map { line in
                let end = try #require(line.lastIndex(of: " "))
                return (String(line[..<end]), try #require(Double(line[line.index(after: end)...])))
            }
        )
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
                    let port = said.firstMatch(of: /127\.0\.0\.1:([0-9]+)\/metrics/).flatMap { Int($0.1) }
                    return try await self.numbers(at: try #require(port, "\(said)"))
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
