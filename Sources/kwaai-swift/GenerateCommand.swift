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
        help: ArgumentHelp("Prompt tokens in one pass, 1 to 256; the result does not depend on it.", valueName: "count")
    )
    var prefillChunk: Int = 64

    @Flag(help: "Run every block in this process instead of on peers.")
    var local = false

    @Option(
        help: ArgumentHelp("Use exactly these peers for these blocks.", valueName: "addr@0..12,addr@12..24"),
        transform: { try PinnedChain($0) }
    )
    var chain: PinnedChain?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Threads for blocks that run in this process, 1 to 256. (default: 1)", valueName: "count")
    )
    var threads: ThreadCount?

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
        if self.local, self.chain != nil {
            throw ValidationError("Give --local or --chain, not both.")
        }
    }

    func run() async throws {
        let settings = try await Settings.load()
        if let file = self.dumpLogits { try NumpyFile.check(file) }
        let directory = try self.loading.applied(to: self.model.directory(settings), settings)
        let tokenizer = try self.model.tokenizer(settings)
        let options = try self.options(settings)
        let prompt = try self.promptTokens(directory: directory, tokenizer: tokenizer)
        let coordinator = try Coordinator(model: directory, tokenizer: tokenizer)
        try coordinator.check(prompt, options: options)
        let output = GenerationOutput(json: self.json, stats: self.stats)
        let generation: Generation
        do {
            generation = try await withInterruption {
                try await self.generate(
                    prompt,
                    options: options,
                    with: coordinator,
                    settings: settings,
                    report: { try await output.show($0) }
                )
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
        if self.local {
            let threads = try self.threads ?? settings.value(.threads)
            let loading = LoadingLine()
            return try await coordinator.generateLocally(
                prompt,
                options: options,
                threads: threads?.count ?? 1,
                progress: { loading.update($0) },
                report: report
            )
        }
        let chain = self.chain
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

    private func options(_ settings: Settings) throws -> GenerationOptions {
        GenerationOptions(
            sampling: try self.sampling.options(settings),
            maxTokens: try self.maxTokens ?? settings.value(.maxTokens) ?? 128,
            stopStrings: self.stop,
            ignoresEndOfSequence: self.ignoreEos,
            prefillChunk: self.prefillChunk,
            keepsLogits: self.dumpLogits != nil
        )
    }

    private func promptTokens(directory: ModelDirectory, tokenizer: Tokenizer) throws -> [UInt32] {
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
        return try tokenizer.encode(text, addSpecialTokens: true)
    }
}
