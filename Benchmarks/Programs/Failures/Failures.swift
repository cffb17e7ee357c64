import Coordinator
import Swarm

/// Generations whose peers fail, in turn with some that nothing happens to.
@main
struct Failures {
    static func main() async throws {
        let options = Options(CommandLine.arguments.dropFirst())
        let subject = try Subject(model: options.model)
        try await withProxies { folder, group in
            var servers: [Guarded] = []
            defer { for server in servers { server.stop() } }
            // Each range twice, so that a spare is at hand; and each peer twice, so that it can forget.
            for blocks in subject.ranges(hops: options.hops) + subject.ranges(hops: options.hops) {
                var launch = subject.launch(blocks)
                launch.bootstrap = servers.first?.address
                launch.flags = options.flags
                servers.append(try await Guarded(launch, twins: 2, folder: folder, on: group))
            }
            let coordinator = try subject.coordinator(options.route)
            try await Measurement(subject: subject, coordinator: coordinator, servers: servers, options: options).run()
        }
    }
}

/// Rounds of generations, and what came of them.
struct Measurement {
    let subject: Subject
    /// One for all generations: it learns whom to avoid.
    let coordinator: Coordinator
    let servers: [Guarded]
    let options: Options

    /// All generations with one probability of failure.
    private struct Sum {
        var tokens = 0
        var time = Duration.zero
        var strikes: [Fault: Int] = [:]
        var failovers = 0
        var replayedTokens = 0

        var tokensPerSecond: Double { Double(self.tokens) / (self.time / .seconds(1)) }

        mutating func add(_ generation: Generation, _ strikes: [Fault: Int]) {
            self.tokens += generation.statistics.generatedTokens - 1
            self.time += generation.statistics.decoding
            self.failovers += generation.statistics.failovers
            self.replayedTokens += generation.statistics.replayedTokens
            self.strikes.merge(strikes, uniquingKeysWith: +)
        }
    }

    func run() async throws {
        var storm = Storm(seed: self.options.seed, over: self.servers, hops: self.options.hops)
        // Memory is touched and connections are made before anything counts.
        let expected = try await self.generate(0, &storm)
        let probabilities = [0] + self.options.probabilities
        var sums = [Sum](repeating: Sum(), count: probabilities.count)
        for _ in 0..<self.options.rounds {
            for (index, probability) in probabilities.enumerated() {
                storm.clear()
                let generation = try await self.generate(probability, &storm)
                guard generation.tokens == expected.tokens else {
                    throw Failure("a generation gave other tokens than before")
                }
                sums[index].add(generation, storm.strikes)
                guard self.options.tellsEach else { continue }
                print("\(probability): \(generation.statistics.tokensPerSecond.rounded(1)) tokens/s")
            }
        }
        print("| failures a step | tokens/s | share | resets | forgotten | gone | failovers | tokens run again |")
        print("|---|---|---|---|---|---|---|---|")
        for (probability, sum) in zip(probabilities, sums) {
            let share = sum.tokensPerSecond / sums[0].tokensPerSecond
            let counts = Fault.allCases.map { sum.strikes[$0] ?? 0 } + [sum.failovers, sum.replayedTokens]
            let cells = ["\(probability)", "\(sum.tokensPerSecond.rounded(1))", "\(Int((100 * share).rounded())) %"]
            print("| " + (cells + counts.map { "\($0)" }).joined(separator: " | ") + " |")
        }
    }

    private static func tell(_ recovery: Recovery) {
        let duration = (recovery.duration / .milliseconds(1)).rounded(1)
        print("blocks \(recovery.blocks): \(recovery.reason); \(recovery.tokens) tokens run again in \(duration) ms")
    }

    private func generate(_ probability: Double, _ storm: inout Storm) async throws -> Generation {
        let options = GenerationOptions(
            sampling: .greedy,
            maxTokens: self.options.tokens,
            ignoresEndOfSequence: true,
            // So that a step is a token, and the shares say what failures cost.
            speculation: .off
        )
        // A host of its own, as each `generate` has one.
        return try await self.subject.withPeer(joining: self.servers.map(\.address)) { host, dht in
            try await self.coordinator.generate(
                try self.subject.prompt(),
                options: options,
                over: .discovered(dht),
                host: host
            ) { event in
                switch event {
                case .planned(let hops): storm.began(over: hops.map(\.name))
                case .recovered(let recovery):
                    storm.recovered(from: recovery.from, to: recovery.to.map(\.name))
                    if self.options.tellsEach { Self.tell(recovery) }
                case .text: storm.drew(probability)
                case .prefilled, .promptText: break
                }
            }
        }
    }
}
