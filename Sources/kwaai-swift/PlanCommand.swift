import ArgumentParser
import Coordinator
import Model

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Explain the chain that the swarm gives now, or cut a model over machines by their memory.",
        discussion: """
            Without --memory it asks the swarm, plans as "generate" would, and says what a token is expected to take on each
            peer, how much of that is the network, and whether one machine alone would be faster: this one, if the model is
            here and fits, or a peer that holds every block. It generates nothing. Speeds are the peers' own word, round trips
            are measured. Where nobody answers it says what this machine could hold.

            With --memory it asks nobody: it reads headers alone, so that it takes a moment whatever the model's size. Each
            machine keeps KV-caches for one session of 8,192 tokens, or of the whole context where that is shorter.

            Examples:
              kwaai-swift plan
              kwaai-swift plan --model ./Llama-3.2-1B --tokens 4096 --json
              kwaai-swift plan --bootstrap /ip4/10.0.0.2/tcp/4801
              kwaai-swift plan --model ./Llama-3.2-1B --offline
              kwaai-swift plan --model ./Mistral-7B --memory 8GiB --memory 6GiB --memory 6GiB
              kwaai-swift plan --model ./Mistral-7B --memory 8GiB --quantize q4_0 --json
            """
    )

    @OptionGroup var model: ModelOptions

    @OptionGroup var loading: LoadingOptions

    @OptionGroup var network: NetworkOptions

    @Option(
        help: ArgumentHelp("The memory that one machine has to give; repeat for more machines.", valueName: "size")
    )
    var memory: [ByteCount] = []

    @OptionGroup var way: WayOption

    @Flag(help: "Ask nobody: say what this machine could hold in the memory that is free now.")
    var offline = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Plan for a prompt and an answer of so many tokens together. (default: 1024)",
            valueName: "count"
        )
    )
    var tokens: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Threads with which this machine would run blocks, 1 to 256. (default: 1)",
            valueName: "count"
        )
    )
    var threads: ThreadCount?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if let tokens = self.tokens, tokens < 1 { throw ValidationError("--tokens takes a number from 1 on.") }
    }

    func run() async throws {
        let settings = try await Settings.load()
        let directory = try self.loading.applied(to: self.model.directory(settings), settings)
        guard self.memory.isEmpty, !self.offline else { return try self.cut(directory, settings) }
        do {
            try await self.explain(directory, settings)
        } catch is NoPeer {
            Terminal.say("No peer of the network answers, so this is what this machine could hold.")
            try self.cut(directory, settings)
        }
    }

    /// The chain that the swarm gives now.
    private func explain(_ directory: ModelDirectory, _ settings: Settings) async throws {
        let tokens = min(self.tokens ?? 1024, directory.configuration.contextLength)
        let coordinator = try Coordinator(
            model: directory,
            tokenizer: try self.model.tokenizer(settings),
            way: self.way.route
        )
        let plan = try await withInterruption {
            try await withClient(self.network, settings: settings) { swarm in
                try await coordinator.route(through: swarm.dht, host: swarm.host, tokens: tokens)
            }
        }
        let here = try LocalEstimate(
            directory,
            tokens: tokens,
            threads: try (self.threads ?? settings.value(.threads))?.count ?? 1,
            freeMemory: SystemMemory.available
        )
        let report = RouteReport(plan, here: here, model: directory, tokens: tokens)
        if self.json {
            try Terminal.print(json: report)
        } else {
            try Terminal.print(report.lines.joined(separator: "\n"))
        }
    }

    /// The model, cut over machines.
    private func cut(_ directory: ModelDirectory, _ settings: Settings) throws {
        let memories = try self.memory.isEmpty ? [Self.ownMemory()] : self.memory.map(\.bytes)
        let sessions = KVMemory.oneSession
        let report = try MemoryReport(
            directory,
            whole: try directory.memoryNeed(of: 0..<directory.configuration.blockCount, kvMemory: sessions),
            placement: try Placement(of: directory, over: memories, kvMemory: sessions),
            flags: try self.model.flags(settings) + self.loading.flags(settings),
            kvMemory: sessions
        )
        if self.json {
            try Terminal.print(json: report)
        } else {
            try Terminal.print(report.lines.joined(separator: "\n"))
        }
        if let missing = report.missing { throw MemoryReport.Failure(missing: missing) }
    }

    private static func ownMemory() throws -> Int {
        guard let memory = SystemMemory.available else {
            throw UsageError("this system does not tell how much memory is free; say it with --memory 8GiB")
        }
        return memory
    }
}
