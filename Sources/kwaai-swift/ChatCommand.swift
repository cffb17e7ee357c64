import ArgumentParser
import Coordinator
import Foundation
import Model
import Tokenizer

struct ChatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Talk with a model whose blocks are spread over the peers of the network.",
        discussion: """
            Each line is a turn. The peers keep what they have read, so that a turn takes them only what is new.
            Ctrl-C stops the answer; a second one, or Ctrl-D, ends the conversation. /help lists what else there is.

            The model must have a chat template. Examples:
              kwaai-swift chat --model DIR
              kwaai-swift chat --model DIR --system "Answer in one sentence." --temperature 0 --stats
              kwaai-swift chat --model DIR --local
            """
    )

    @OptionGroup var model: ModelOptions
    @OptionGroup var loading: LoadingOptions
    @OptionGroup var network: NetworkOptions
    @OptionGroup var sampling: SamplingFlags
    @OptionGroup var speculation: SpeculationFlag

    @OptionGroup var route: RouteOptions
    @OptionGroup var numbers: NumbersFlag

    @Option(help: ArgumentHelp("What the model is told before the conversation.", valueName: "text"))
    var system: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Answer with at most this many tokens. (default: 1024)", valueName: "count")
    )
    var maxTokens: Int?

    @Flag(help: "Print how long each answer took and where the time went, on stderr.")
    var stats = false

    @Flag(help: "Print one JSON object for each answer instead of text as it comes.")
    var json = false

    func run() async throws {
        let settings = try await Settings.load()
        let directory = try self.loading.applied(to: self.model.directory(settings), settings)
        let tokenizer = try self.model.tokenizer(settings)
        let template = try self.model.chatTemplate(settings)
        let options = GenerationOptions(
            sampling: try self.sampling.options(settings),
            maxTokens: try self.maxTokens ?? settings.value(.maxTokens) ?? 1024,
            endTokens: template.endTokens(tokenizer),
            speculation: self.speculation.speculate
        )
        let coordinator = try Coordinator(
            model: directory,
            tokenizer: tokenizer,
            keepsStandbys: self.route.standby,
            way: self.route.way.route
        )
        let interruption = AnswerInterruption()
        let session = ChatSession(
            template: template,
            tokenizer: tokenizer,
            options: options,
            system: self.system,
            output: ChatSession.Output(json: self.json, stats: self.stats),
            interruption: interruption
        )
        try await withInterruption(unless: { interruption.stopAnswer() }) {
            try await self.numbers.whileTelling {
                try await self.withConversation(coordinator, settings: settings) { try await session.run($0) }
            }
        }
    }

    private func withConversation(
        _ coordinator: Coordinator,
        settings: Settings,
        _ body: @escaping @Sendable (Conversation) async throws -> Void
    ) async throws {
        if self.route.local {
            let loading = LoadingLine()
            let threads = try self.route.threads(settings)
            try await coordinator.withLocalConversation(threads: threads, progress: { loading.update($0) }, body)
            return
        }
        let chain = self.route.chain
        try await withClient(self.network, settings: settings, bootstraps: chain == nil) { swarm in
            let source = chain.map { ChainSource.pinned($0.hops) } ?? .discovered(swarm.dht)
            try await coordinator.withConversation(over: source, host: swarm.host, body)
        }
    }
}
