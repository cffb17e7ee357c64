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

    private struct Route: Decodable {
        var chain: [Hop]
        var route: String
        var compute_ms: Double
        var queue_ms: Double
        var network_ms: Double
        var total_ms: Double
        var peer_alone: Hop?
        var here: Here
        var faster_alone: String?
        var verdict: String

        struct Hop: Decodable {
            var peer: String
            var blocks: String
            var compute_ms: Double
            var network_ms: Double
            var total_ms: Double
            var measured: Bool
            var has_room: Bool
        }

        struct Here: Decodable {
            var state: String
            var total_ms: Double?
        }
    }

    @Test func `the chain that the swarm gives is explained, hop by hop and beside one machine alone`() async throws {
        let home = try Home()
        try await withPeers(["0..14", "10..24"], home: home) { peers in
            let outcome = try await Program.run(["plan", "--json", "--bootstrap", peers[0].address], home: home)
            #expect(outcome.exitCode == 0, "\(outcome.error)")
            let route = try outcome.json(as: Route.self)
            let bounds = route.chain.map { $0.blocks.split(separator: ".").map(String.init) }
            #expect(bounds.count == 2 && bounds[0][0] == "0" && bounds[0][1] == bounds[1][0] && bounds[1][1] == "24")
            #expect(route.chain.allSatisfy { $0.compute_ms > 0 && $0.network_ms > 0 && $0.has_room && !$0.measured })
            let sum = route.chain.reduce(0) { $0 + $1.total_ms }
            #expect(abs(sum - route.total_ms) < 1e-6)
            #expect(abs(route.compute_ms + route.queue_ms + route.network_ms - route.total_ms) < 1e-6)
            #expect(route.peer_alone == nil)
            #expect(["push", "star"].contains(route.route))
            // The demo model is in every program, so this machine could run it by itself.
            let here = try #require(route.here.total_ms)
            #expect(route.here.state == "fits" && here > 0)
            #expect((route.faster_alone == "here") == (here < route.total_ms))
            #expect(route.verdict.contains(here < route.total_ms ? "alone would be faster" : "alone would be slower"))

            let table = try await Program.run(["plan", "--bootstrap", peers[0].address], home: home)
            for words in ["HOP", "COMPUTE", "NETWORK", "a token is expected", "No peer holds every block."] {
                #expect(table.output.contains(words), "\(table.output)")
            }
            let cut = try await Program.run(["plan", "--memory", "2GiB", "--bootstrap", peers[0].address], home: home)
            #expect(cut.output.contains("kwaai-swift serve --blocks 0..24"))
        }
    }

    @Test func `a peer that holds every block is said to be one machine alone`() async throws {
        let home = try Home()
        // Whatever speeds they measure of themselves, to go to the second costs more than a block.
        try await withPeers(["0..24", "0..1"], home: home) { peers in
            let outcome = try await Program.run(
                ["plan", "--json", "--route", "star", "--bootstrap", peers[0].address],
                home: home
            )
            let route = try outcome.json(as: Route.self)
            #expect(route.route == "star")
            #expect(route.chain.map(\.blocks) == ["0..24"] && route.peer_alone?.peer == route.chain[0].peer)
            #expect(route.verdict.contains("one machine alone"))
        }
    }

    @Test func `a swarm that lacks blocks gives no chain, but the command that closes the gap`() async throws {
        let home = try Home()
        try await withPeers(["0..8", "16..24"], home: home) { peers in
            let outcome = try await Program.run(["plan", "--bootstrap", peers[0].address], home: home)
            #expect(outcome.exitCode == 3)
            #expect(outcome.error.contains("kwaai-swift serve --blocks 8..16"), "\(outcome.error)")
        }
    }

    @Test func `auto serves all blocks of a model that fits`() async throws {
        let home = try Home()
        let outcome = try await withPeers(["auto"], home: home) { peers in
            try await Program.run(["dht", "peers", "--bootstrap", peers[0].address], home: home)
        }
        #expect(outcome.output.contains("0..24 of 24"), "\(outcome.error)")
    }

    @Test func `two servers of limited memory that choose together serve the whole demo model`() async throws {
        struct Report: Decodable, Equatable {
            var token_ids: [UInt32]
        }
        let home = try Home()
        let prompt = ["generate", "Once upon a time", "--json", "--seed", "7", "--max-tokens", "12"]
        let expected: Report = try await Program.run(prompt + ["--local"], home: home).json()
        // Enough for about thirteen blocks of 24.
        let flags = ["--blocks", "auto", "--memory", "74MiB"]
        try await withPair(flags, home: home) { peers in
            let kept = try await freeMemory(peers, home: home).keys.sorted()
            #expect(kept.count == 2 && !kept.contains("0..24"), "\(kept)")
            let outcome = try await Program.run(prompt + ["--bootstrap", peers[0].address], home: home)
            #expect(outcome.exitCode == 0, "\(outcome.error)")
            #expect(try outcome.json(as: Report.self) == expected)
        }
    }
}
