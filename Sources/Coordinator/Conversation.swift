import Model
public import P2PCore

/// A conversation over one chain, whose caches outlive its turns: only what the chain has not run yet is prefilled.
///
/// Each turn is a whole prompt, the transcript so far as the model's template writes it. What it has in common with what
/// the caches hold is kept; where a template writes the past anew, they are cut back to there. The tokens are those that
/// a fresh generation of the same prompt gives (DESIGN.md §6).
public final class Conversation {
    private let coordinator: Coordinator
    private let open: (_ maximumTokens: Int) async throws -> Chain
    private var state = State.closed

    private enum State {
        case closed
        /// - `tokens`: what the caches of the chain hold.
        /// - `capacity`: how many they may hold.
        case open(Chain, tokens: [UInt32], capacity: Int)
    }

    /// - Parameter open: finds a chain for a sequence of so many tokens.
    init(_ coordinator: Coordinator, open: @escaping (_ maximumTokens: Int) async throws -> Chain) {
        self.coordinator = coordinator
        self.open = open
    }

    /// Generates what follows `prompt`.
    ///
    /// - Parameters:
    ///   - isInterrupted: asked between two passes, on the thread of the host's connections, so it has to answer at once;
    ///     where it says so the answer ends as it is, and the conversation can go on.
    ///   - report: called in order, from the calling task, while the generation goes on: no further than a pass
    ///     beyond the next report.
    /// - Throws: ``CoordinatorError``; `CancellationError` when the task is cancelled; what `report` throws. The
    ///   conversation can then go on: the next turn starts afresh.
    public func answer(
        _ prompt: [UInt32],
        options: GenerationOptions,
        isInterrupted: @escaping @Sendable () -> Bool = { false },
        report: (GenerationEvent) async throws -> Void = { _ in }
    ) async throws -> Generation {
        let needed = try self.coordinator.sequence(prompt, options).maximumLength
        var (chain, cached) = try await self.chain(for: prompt, maximumTokens: needed)
        if cached > 0 {
            var hasText = false
            do {
                return try await self.run(prompt, options, over: chain, cached: cached, isInterrupted) { event in
                    if case .text = event { hasText = true }
                    try await report(event)
                }
            } catch let error as CoordinatorError where error.isOfTheChain && !hasText {
                // The peers have forgotten the conversation, or are gone. It is all in the prompt.
                (chain, cached) = try await self.chain(for: prompt, maximumTokens: needed)
            }
        }
        return try await self.run(prompt, options, over: chain, cached: cached, isInterrupted, report)
    }

    /// Closes the sessions on all hops; a later turn opens new ones.
    public func close() async {
        guard case .open(let chain, _, _) = self.state else { return }
        self.state = .closed
        // A task of its own, because in a cancelled one the closing steps would not leave any more.
        await Task { await chain.close() }.value
    }

    /// A chain with room for the turn, and how many tokens of the prompt it need not run.
    private func chain(for prompt: [UInt32], maximumTokens: Int) async throws -> (Chain, cached: Int) {
        if case .open(let chain, let tokens, let capacity) = self.state {
            // The last token is run in any case: its logits are wanted.
            let common = zip(tokens, prompt.dropLast()).prefix { $0 == $1 }.count
            if maximumTokens <= capacity, chain.isExact || common == tokens.count { return (chain, common) }
        }
        await self.close()
        let context = self.coordinator.model.configuration.contextLength
        let capacity = min(max(2 * maximumTokens, Limits.conversationTokens), context)
        let chain = try await self.open(capacity)
        self.state = .open(chain, tokens: [], capacity: capacity)
        return (chain, 0)
    }

    private func run(
        _ prompt: [UInt32],
        _ options: GenerationOptions,
        over chain: Chain,
        cached: Int,
        _ isInterrupted: @escaping @Sendable () -> Bool,
        _ report: (GenerationEvent) async throws -> Void
    ) async throws -> Generation {
        guard case .open(_, _, let capacity) = self.state else { preconditionFailure("a turn runs over an open chain") }
        do {
            var run = try GenerationRun(
                chain: chain,
                sequence: try self.coordinator.sequence(prompt, options, cached: cached),
                cached: cached,
                tokenizer: self.coordinator.tokenizer,
                options: options
            )
            try await report(.planned(hops: chain.spans.map { (name: $0.name, blocks: $0.blocks) }))
            let generation = try await run.run(isInterrupted: isInterrupted, report: report)
            let tokens = Array((prompt + generation.tokens).prefix(run.position))
            self.state = .open(chain, tokens: tokens, capacity: capacity)
            return generation
        } catch {
            // What the caches hold is not known any more.
            await self.close()
            throw error
        }
    }
}

extension CoordinatorError {
    /// Whether another chain may do what this one did not.
    fileprivate var isOfTheChain: Bool {
        switch self.code {
        case .peerLost, .refused, .badReply: true
        case .invalidOption, .promptTooLong, .badPrompt, .noRoute, .badChain, .modelFailed, .unreachableNetwork,
            .cancelled:
            false
        }
    }
}

extension Coordinator {
    /// A conversation over peers, whose sessions are closed however `body` ends.
    public func withConversation<Result>(
        over source: ChainSource,
        host: Host,
        _ body: (Conversation) async throws -> Result
    ) async throws -> Result {
        let conversation = Conversation(self) { maximumTokens in
            try await self.openChain(over: source, host: host, maximumTokens: maximumTokens)
        }
        return try await Self.run(conversation, body)
    }

    /// A conversation in this process, with every block of the model.
    ///
    /// - Parameter threads: how many threads share each product; the result does not depend on it.
    public func withLocalConversation<Result>(
        threads: Int,
        progress: @Sendable (Double) -> Void = { _ in },
        _ body: (Conversation) async throws -> Result
    ) async throws -> Result {
        let blocks = try self.loadBlocks(threads: threads, progress: progress)
        let conversation = Conversation(self) { maximumTokens in
            try self.openChain(over: blocks, maximumTokens: maximumTokens)
        }
        return try await Self.run(conversation, body)
    }

    private static func run<Result>(
        _ conversation: Conversation,
        _ body: (Conversation) async throws -> Result
    ) async throws -> Result {
        do {
            let result = try await body(conversation)
            await conversation.close()
            return result
        } catch {
            await conversation.close()
            throw error
        }
    }
}
