import Testing

/// `plan` and what `serve` makes of it, as whole processes.
struct PlanTests {
    private struct Report: Decodable {
        var block_count: Int
        var machines: [Machine]

        struct Machine: Decodable {
            var memory_bytes: Int
            var total_bytes: Int?
            var blocks: String?
            var command: String?
        }
    }

    @Test func `the demo model is cut over machines in order, and each part fits`() async throws {
        let outcome = try await Program.run(
            ["plan", "--json", "--memory", "72MiB", "--memory", "1KiB", "--memory", "2GiB"],
            home: Home()
        )
        #expect(outcome.exitCode == 0, "\(outcome.error)")
        let report = try outcome.json(as: Report.self)
        #expect(report.block_count == 24)
        let blocks = report.machines.map(\.blocks)
        #expect(blocks[0]?.hasPrefix("0..") == true && blocks[1] == nil && blocks[2]?.hasSuffix("..24") == true)
        #expect(blocks[0]?.split(separator: ".").last == blocks[2]?.split(separator: ".").first)
        #expect(report.machines.allSatisfy { ($0.total_bytes ?? 0) <= $0.memory_bytes })
        #expect(report.machines[2].command == blocks[2].map { "kwaai-swift serve --blocks \($0)" })
    }

    @Test func `machines that are too small together are told what is missing, beside what they hold`() async throws {
        let outcome = try await Program.run(["plan", "--memory", "70MiB"], home: Home())
        #expect(outcome.exitCode == 1)
        #expect(outcome.output.contains("kwaai-swift serve --blocks 0.."))
        for words in ["no room for blocks", "..24", "--memory", "--quantize"] {
            #expect(outcome.error.contains(words), "\(outcome.error)")
        }
    }

    @Test func `auto serves all blocks of a model that fits`() async throws {
        let home = try Home()
        let outcome = try await withPeers(["auto"], home: home) { peers in
            try await Program.run(["dht", "peers", "--bootstrap", peers[0].address], home: home)
        }
        #expect(outcome.output.contains("0..24 of 24"), "\(outcome.error)")
    }
}
