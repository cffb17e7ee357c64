import Coordinator
import Kademlia
import P2PCore
import Swarm

/// Generations that run at once over a chain of `serve` processes, in turn with one alone.
@main
struct Concurrency {
    static func main() async throws {
        let options = Options(CommandLine.arguments.dropFirst())
        let subject = try Subject(model: options.model)
        let servers = try Self.servers(options, subject)
        defer { for server in servers { server.stop() } }
        try await subject.withPeer(joining: servers.map(\.address)) { host, dht in
            try await Self.measure(Run(subject: subject, host: host, dht: dht, options: options), servers)
        }
    }

    /// One server for each part of the model; the first starts a network, the others join it.
    private static func servers(_ options: Options, _ subject: Subject) throws -> [Server] {
        var servers: [Server] = []
        for blocks in subject.ranges(hops: options.hops) {
            var launch = subject.launch(blocks)
            launch.bootstrap = servers.first?.address
            launch.flags = options.flags
            servers.append(try Server(launch))
        }
        return servers
    }

    private static func measure(_ run: Run, _ servers: [Server]) async throws {
        // Every generation alone: memory is touched and connections are made before anything counts.
        let sessions = 0..<run.options.sessions
        var alone: [[UInt32]] = []
        for session in sessions { alone += try await run.generate([session]).tokens }
        var ratios: [Double] = []
        for _ in 0..<run.options.rounds {
            let one = try await run.generate([0])
            let passes = try servers.map { try $0.passes() }
            let many = try await run.generate(sessions)
            guard one.tokens[0] == alone[0], many.tokens == alone else {
                throw Failure("a generation gave other tokens than alone")
            }
            let sizes = try zip(servers, passes).map { try $0.passes() - $1 }
            let ratio = many.tokensPerSecond / one.tokensPerSecond
            ratios.append(ratio)
            print(
                "alone \(one.tokensPerSecond.rounded(1)) tokens/s, \(run.options.sessions) at once "
                    + "\(many.tokensPerSecond.rounded(1)): \(ratio.rounded(2)) ×; rows a pass "
                    + sizes.map { "\($0.rowsPerPass.rounded(2))" }.joined(separator: ", ")
            )
        }
        print("median: \(ratios.sorted()[ratios.count / 2].rounded(2)) ×")
    }
}

/// Generations of one round.
struct Run: Sendable {
    let subject: Subject
    let host: P2PCore.Host
    let dht: DHT
    let options: Options

    struct Result: Sendable {
        var tokens: [[UInt32]]
        /// Of all of them together, prompts included.
        var tokensPerSecond: Double
    }

    /// - Parameter sessions: those that run at once, each with a prompt of its own.
    func generate(_ sessions: some Collection<Int>) async throws -> Result {
        let generation = GenerationOptions(
            sampling: .greedy,
            maxTokens: self.options.tokens,
            ignoresEndOfSequence: true,
            speculation: self.options.speculation
        )
        let start = ContinuousClock.now
        let tokens = try await withThrowingTaskGroup(of: (Int, [UInt32]).self) { group in
            for (index, session) in sessions.enumerated() {
                group.addTask {
                    let result = try await self.subject.coordinator(self.options.route).generate(
                        try self.subject.prompt(session),
                        options: generation,
                        over: .discovered(self.dht),
                        host: self.host
                    )
                    return (index, result.tokens)
                }
            }
            var tokens = [[UInt32]](repeating: [], count: sessions.count)
            for try await (index, own) in group { tokens[index] = own }
            return tokens
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        return Result(tokens: tokens, tokensPerSecond: Double(tokens.reduce(0) { $0 + $1.count }) / seconds)
    }
}
