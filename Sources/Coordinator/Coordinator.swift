public import Kademlia
public import Model
public import P2PCore
public import P2PWire
public import ShardProtocol
public import Tokenizer

/// One hop of a chain that the caller chose.
public struct PinnedHop: Hashable, Sendable {
    /// Where the peer listens; `/p2p/` is not needed.
    public var address: Multiaddr
    public var blocks: BlockRange

    public init(address: Multiaddr, blocks: BlockRange) {
        self.address = address
        self.blocks = blocks
    }
}

/// Where a coordinator gets its chain from.
public enum ChainSource: Sendable {
    /// From the peers that announce the model's blocks in the DHT.
    case discovered(DHT)
    /// From the caller.
    case pinned([PinnedHop])
}

/// Generates text with a model whose blocks run on other peers.
///
/// It needs the model's configuration and tokenizer, never its weights.
public struct Coordinator: Sendable {
    let model: ModelDirectory
    let tokenizer: Tokenizer
    let modelKey: ModelKey
    let keepsStandbys: Bool
    let way: StepWay
    /// What was learnt of the peers; copies of a coordinator share it.
    package let peers = PeerBook()

    /// - Parameters:
    ///   - keepsStandbys: whether a second peer is kept ready for every span, so that a loss costs next to nothing, at
    ///     twice the work.
    ///   - way: how steps go from hop to hop. The text does not depend on it.
    /// - Throws: ``CoordinatorError`` with code `modelFailed` when the model cannot be named.
    public init(
        model: ModelDirectory,
        tokenizer: Tokenizer,
        keepsStandbys: Bool = false,
        way: StepWay = .auto
    ) throws(CoordinatorError) {
        self.keepsStandbys = keepsStandbys
        self.way = way
        self.model = model
        self.tokenizer = tokenizer
        do {
            self.modelKey = try ModelKey(bytes: model.modelKey)
        } catch {
            throw CoordinatorError(.modelFailed, error.message)
        }
    }

    /// The prompt as tokens, with the special ones that the model expects around it.
    public func tokens(of prompt: String) throws -> [UInt32] {
        try self.tokenizer.encode(prompt, addSpecialTokens: true)
    }

    /// Finds out, before anybody is asked, whether a generation can begin.
    ///
    /// - Throws: ``CoordinatorError`` with code `invalidOption`, `badPrompt` or `promptTooLong`.
    public func check(_ prompt: [UInt32], options: GenerationOptions) throws(CoordinatorError) {
        _ = try self.sequence(prompt, options)
    }

    /// Continues `prompt` over peers; ``Generation/text`` is what comes after it.
    ///
    /// - Throws: As ``generate(_:options:over:host:report:)`` of tokens does; the tokenizer's error for the prompt.
    public func generate(
        _ prompt: String,
        options: GenerationOptions = GenerationOptions(),
        over source: ChainSource,
        host: Host,
        report: (GenerationEvent) async throws -> Void = { _ in }
    ) async throws -> Generation {
        let tokens = try self.tokens(of: prompt)
        return try await self.generate(tokens, options: options, over: source, host: host, report: report)
    }

    /// Generates over peers.
    ///
    /// The sessions on all hops are closed however this ends, by an error or a cancellation as well.
    ///
    /// - Parameter report: called in order, from the calling task, while the generation goes on: no further than a pass beyond
    ///   the next report.
    /// - Throws: ``CoordinatorError``; `CancellationError` when the task is cancelled; what `report` throws.
    public func generate(
        _ prompt: [UInt32],
        options: GenerationOptions = GenerationOptions(),
        over source: ChainSource,
        host: Host,
        report: (GenerationEvent) async throws -> Void = { _ in }
    ) async throws -> Generation {
        let sequence = try self.sequence(prompt, options)
        let chain = try await self.openChain(over: source, host: host, maximumTokens: sequence.maximumLength)
        return try await self.run(sequence, over: chain, options: options, report: report)
    }

    /// Generates in this process, with every block of the model.
    ///
    /// - Parameter threads: how many threads share each product; the result does not depend on it.
    public func generateLocally(
        _ prompt: [UInt32],
        options: GenerationOptions = GenerationOptions(),
        threads: Int,
        progress: @Sendable (Double) -> Void = { _ in },
        report: (GenerationEvent) async throws -> Void = { _ in }
    ) async throws -> Generation {
        let sequence = try self.sequence(prompt, options)
        let blocks = try self.loadBlocks(threads: threads, progress: progress)
        let chain = try self.openChain(over: blocks, maximumTokens: sequence.maximumLength)
        return try await self.run(sequence, over: chain, options: options, report: report)
    }

    func sequence(
        _ prompt: [UInt32],
        _ options: GenerationOptions,
        cached: Int = 0
    ) throws(CoordinatorError) -> SequenceState {
        let configuration = self.model.configuration
        return try SequenceState(
            prompt: prompt,
            cached: cached,
            vocabularySize: configuration.vocabularySize,
            contextLength: configuration.contextLength,
            endTokens: configuration.endOfSequenceTokens,
            options: options
        )
    }

    private func run(
        _ sequence: SequenceState,
        over chain: Chain,
        options: GenerationOptions,
        report: (GenerationEvent) async throws -> Void
    ) async throws -> Generation {
        try await report(.planned(hops: chain.spans.map { (name: $0.name, blocks: $0.blocks) }))
        do {
            var run = try GenerationRun(chain: chain, sequence: sequence, tokenizer: self.tokenizer, options: options)
            let generation = try await run.run(report: report)
            await chain.close()
            return generation
        } catch {
            // A task of its own, because in a cancelled one the closing steps would not leave any more.
            await Task { await chain.close() }.value
            throw error
        }
    }
}

// MARK: - Making the chain

extension Coordinator {
    /// Finds the peers of a chain; their sessions open with the first step.
    ///
    /// - Parameter maximumTokens: how many positions the sequence will fill at most.
    func openChain(over source: ChainSource, host: Host, maximumTokens: Int) async throws -> Chain {
        let replacements = Replacements(self, source: source, host: host, tokens: maximumTokens)
        let hops = try await replacements.hops()
        let width = self.model.configuration.hiddenSize
        return try Chain(
            spans: hops.map { self.span(of: $0, host: host, maximumTokens: maximumTokens) },
            blockCount: self.model.configuration.blockCount,
            chunk: min(Limits.prefillChunk, max(1, Limits.replayedBytes / (2 * width))),
            book: self.peers,
            keepsStandbys: self.keepsStandbys,
            way: await replacements.way
        ) { vacancy in
            let hops = try await replacements.hops(for: vacancy)
            return hops.map { self.span(of: $0, host: host, maximumTokens: maximumTokens) }
        }
    }

    /// The whole model, for chains in this process.
    struct LocalBlocks: Sendable {
        var loaded: LoadedRange
        var queue: ComputeQueue
    }

    func loadBlocks(threads: Int, progress: @Sendable (Double) -> Void) throws -> LocalBlocks {
        let range = 0..<self.model.configuration.blockCount
        let loaded = try LoadedRange(self.model, range: range, threads: threads, progress: progress)
        return LocalBlocks(loaded: loaded, queue: ComputeQueue(label: "blocks"))
    }

    /// A chain of one span, with a cache of its own.
    func openChain(over blocks: LocalBlocks, maximumTokens: Int) throws -> Chain {
        let count = self.model.configuration.blockCount
        let span = try LocalSpan(
            model: blocks.loaded,
            blocks: try BlockRange(0, count),
            maximumTokens: maximumTokens,
            queue: blocks.queue
        )
        return try Chain(spans: [span], blockCount: count)
    }

    private func span(of hop: ChosenHop, host: Host, maximumTokens: Int) -> RemoteSpan {
        let configuration = self.model.configuration
        return RemoteSpan(
            peer: hop.peer,
            blocks: hop.blocks,
            speaksExtension: hop.speaksExtension,
            speaksStreams: hop.speaksStreams,
            speaksPush: hop.speaksPush,
            isLastOfChain: hop.blocks.upperBound == configuration.blockCount,
            maximumTokens: maximumTokens,
            model: RemoteSpan.Shape(
                hiddenSize: configuration.hiddenSize,
                vocabularySize: configuration.vocabularySize
            ),
            host: host
        )
    }
}
