import ArgumentParser
import Coordinator
import Foundation
import Model
import Tokenizer

struct GenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Continue a prompt with a model whose blocks are spread over the peers of the network.",
        discussion: """
            The text goes to stdout as it comes; progress and statistics go to stderr.

            Examples:
              kwaai-swift generate "Once upon a time"
              kwaai-swift generate "Once upon a time" --temperature 0 --max-tokens 200 --stats
              kwaai-swift generate "Once upon a time" --local
              kwaai-swift generate "What is a fox?" --model DIR --system "Answer in one sentence."
              kwaai-swift generate "Hi" --chain /ip4/10.0.0.2/tcp/4801@0..12,/ip4/10.0.0.3/tcp/4801@12..24
            """
    )

    @Argument(help: "The text to continue; read from stdin when it is not given.")
    var prompt: String?

    @OptionGroup var model: ModelOptions

    @OptionGroup var loading: LoadingOptions
    @OptionGroup var network: NetworkOptions
    @OptionGroup var sampling: SamplingFlags

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Generate at most this many tokens. (default: 128)", valueName: "count")
    )
    var maxTokens: Int?

    @Option(help: ArgumentHelp("End where this text would appear; repeat for more.", valueName: "text"))
    var stop: [String] = []

    @Flag(help: "Go on past the end-of-sequence token, up to --max-tokens.")
    var ignoreEos = false

    @Option(help: ArgumentHelp("Token ids in place of a prompt.", valueName: "1,42,7"))
    var promptIds: TokenList?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Prompt tokens in one step, 1 to 256; the result does not depend on it.", valueName: "count")
    )
    var prefillChunk: Int = 64

    @OptionGroup var speculation: SpeculationFlag

    @OptionGroup var route: RouteOptions
    @OptionGroup var numbers: NumbersFlag

    @Flag(help: "Ask the prompt as a person would, by the model's own chat template, and print the answer only.")
    var chat = false

    @Option(help: ArgumentHelp("What the model is told before the prompt; means --chat.", valueName: "text"))
    var system: String?

    @Flag(help: "Print how long it took and where the time went, on stderr.")
    var stats = false

    @Flag(help: "Print one JSON object at the end instead of text as it comes.")
    var json = false

    @Option(
        help: ArgumentHelp("Write the logits of every generated token, f32 [steps, vocabulary].", valueName: "file.npy")
    )
    var dumpLogits: String?

    func validate() throws {
        if self.prompt != nil, self.promptIds != nil {
            throw ValidationError("Give a prompt or --prompt-ids, not both.")
        }
        if self.isChat, self.promptIds != nil {
            throw ValidationError("Give --prompt-ids or --chat, not both: a chat template writes text.")
        }
    }

    private var isChat: Bool { self.chat || self.system != nil }

    func run() async throws {
        let settings = try await Settings.load()
        if let file = self.dumpLogits { try NumpyFile.check(file) }
        let directory = try self.loading.applied(to: self.model.directory(settings), settings)
        let tokenizer = try self.model.tokenizer(settings)
        let template = self.isChat ? try self.model.chatTemplate(settings) : nil
        let options = try self.options(settings, endTokens: template?.endTokens(tokenizer) ?? [])
        let prompt = try self.promptTokens(tokenizer: tokenizer, template: template)
        let coordinator = try Coordinator(
            model: directory,
            tokenizer: tokenizer,
            keepsStandbys: self.route.standby,
            way: self.route.way.route
        )
        try coordinator.check(prompt, options: options)
        let output = GenerationOutput(json: self.json, stats: self.stats, showsPrompt: template == nil)
        let generation: Generation
        do {
            generation = try await withInterruption {
                try await self.numbers.whileTelling {
                    try await self.generate(
                        prompt,
                        options: options,
                        with: coordinator,
                        settings: settings,
                        report: { try await output.show($0) }
                    )
                }
            }
        } catch {
            await output.abandon()
            throw error
        }
        if let file = self.dumpLogits {
            try NumpyFile.write(rows: generation.logits, to: file)
        }
        try await output.finish(generation)
    }

    private func generate(
        _ prompt: [UInt32],
        options: GenerationOptions,
        with coordinator: Coordinator,
        settings: Settings,
        report: @escaping @Sendable (GenerationEvent) async throws -> Void
    ) async throws -> Generation {
        if self.route.local {
            let loading = LoadingLine()
            return try await coordinator.generateLocally(
                prompt,
                options: options,
                threads: try self.route.threads(settings),
                progress: { loading.update($0) },
                report: report
            )
        }
        let chain = self.route.chain
        return try await withClient(self.network, settings: settings, bootstraps: chain == nil) { swarm in
            try await coordinator.generate(
                prompt,
                options: options,
                over: chain.map { .pinned($0.hops) } ?? .discovered(swarm.dht),
                host: swarm.host,
                report: report
            )
        }
    }

    private func options(_ settings: Settings, endTokens: Set<UInt32>) throws -> GenerationOptions {
        GenerationOptions(
            sampling: try self.sampling.options(settings),
            maxTokens: try self.maxTokens ?? settings.value(.maxTokens) ?? 128,
            stopStrings: self.stop,
            endTokens: endTokens,
            ignoresEndOfSequence: self.ignoreEos,
            prefillChunk: self.prefillChunk,
            speculation: self.speculation.speculate,
            keepsLogits: self.dumpLogits != nil
        )
    }

    private func promptTokens(tokenizer: Tokenizer, template: ChatTemplate?) throws -> [UInt32] {
        if let tokens = self.promptIds { return tokens.ids }
        let text: String
        if let prompt = self.prompt {
            text = prompt
        } else {
            if isatty(STDIN_FILENO) == 1 { Terminal.say("Reading the prompt from the keyboard; Ctrl-D ends it.") }
            let input = String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
            // The last line's end is the shell's, not the prompt's.
            text = input.hasSuffix("\n") ? String(input.dropLast()) : input
        }
        guard let template else { return try tokenizer.encode(text, addSpecialTokens: true) }
        let system = self.system.map { [ChatMessage(role: "system", content: $0)] } ?? []
        let rendered = try template.render(system + [ChatMessage(role: "user", content: text)])
        // The template writes the special tokens itself.
        return try tokenizer.encode(rendered, addSpecialTokens: false)
    }
}
