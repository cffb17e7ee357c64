import Model
package import Tokenizer

/// Drives one sequence over one chain: passes, draws, text, statistics.
package struct GenerationRun {
    private let chain: Chain
    private let options: GenerationOptions
    private let sampler: Sampler
    private var sequence: SequenceState
    private var stream: TextStream
    private var statistics: GenerationStatistics
    private var logits: [[Float]] = []
    /// How many of the prompt's and the generated tokens the chain has run.
    package private(set) var position: Int

    /// - Parameter cached: how many tokens of the prompt the chain has run already.
    package init(
        chain: Chain,
        sequence: SequenceState,
        cached: Int = 0,
        tokenizer: Tokenizer,
        options: GenerationOptions
    ) throws(CoordinatorError) {
        self.chain = chain
        self.options = options
        self.sampler = try Sampler(options: options.sampling)
        self.sequence = sequence
        self.stream = TextStream(tokenizer: tokenizer, prompt: sequence.prompt, stopStrings: options.stopStrings)
        self.statistics = GenerationStatistics(chain: chain, promptTokens: sequence.prompt.count, cachedTokens: cached)
        self.position = cached
    }

    /// Runs to the end.
    ///
    /// - Parameters:
    ///   - isInterrupted: asked between two passes; where it says so, the generation ends as it is.
    ///   - report: called in order, from the calling task; the next pass waits for it.
    /// - Throws: ``CoordinatorError``, or `CancellationError` between two passes.
    package mutating func run(
        isInterrupted: () -> Bool = { false },
        report: (GenerationEvent) async throws -> Void
    ) async throws -> Generation {
        // Where every pass runs on one thread, so does all between them: nobody is woken for a token.
        try await withTaskExecutorPreference(self.chain.queue) {
            try await withThrowingDiscardingTaskGroup { group in
                let chain = self.chain
                group.addTask { await chain.tend() }
                defer { group.cancelAll() }
                return try await self.generate(isInterrupted: isInterrupted, report: report)
            }
        }
    }

    private mutating func generate(
        isInterrupted: () -> Bool,
        report: (GenerationEvent) async throws -> Void
    ) async throws -> Generation {
        try await report(.promptText(self.stream.promptText))
        let clock = ContinuousClock()
        let start = clock.now
        var firstToken = start
        while let pass = self.sequence.nextPass() {
            try Task.checkCancellation()
            if isInterrupted() {
                self.sequence.interrupt()
                break
            }
            let result = try await self.chain.run(pass)
            self.position = pass.position + pass.tokens.count
            self.statistics.add(result, of: self.chain)
            for recovery in result.recoveries { try await report(.recovered(recovery)) }
            if self.sequence.generated.isEmpty {
                try await report(.prefilled(tokens: pass.position + pass.tokens.count, of: self.sequence.prompt.count))
            }
            guard pass.wantsLogits else { continue }
            let token = try self.draw(from: result.logits ?? [])
            if self.sequence.generated.count == 1 { firstToken = clock.now }
            try await self.emit(token, report: report)
        }
        self.statistics.timeToFirstToken = firstToken - start
        self.statistics.decoding = clock.now - firstToken
        if self.sequence.finishReason != .stopString {
            let rest = self.stream.finish()
            if !rest.isEmpty { try await report(.text(rest)) }
        }
        return self.finished()
    }

    private mutating func draw(from bits: [UInt16]) throws(CoordinatorError) -> UInt32 {
        let logits = Numerics.floats(bits)
        guard !logits.isEmpty, logits.allSatisfy(\.isFinite) else {
            let last = self.chain.spans.last?.name ?? "the chain"
            throw CoordinatorError(
                .badReply,
                "\(last) answered logits that are not numbers: leave it out and run again"
            )
        }
        if self.options.keepsLogits { self.logits.append(logits) }
        let token = self.sampler.token(from: logits, at: self.sequence.nextPosition)
        self.sequence.drew(token)
        self.statistics.generatedTokens += 1
        return token
    }

    private mutating func emit(_ token: UInt32, report: (GenerationEvent) async throws -> Void) async throws {
        let output = self.stream.append(token)
        if !output.text.isEmpty { try await report(.text(output.text)) }
        if output.stopped { self.sequence.metStopString() }
    }

    private func finished() -> Generation {
        Generation(
            promptTokens: self.sequence.prompt,
            tokens: self.sequence.generated,
            text: self.stream.text,
            finishReason: self.sequence.finishReason ?? .length,
            isExact: self.chain.isExact,
            logits: self.logits,
            statistics: self.statistics
        )
    }
}
