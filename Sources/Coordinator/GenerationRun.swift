import AsyncAlgorithms
import Model
import SwarmCore
package import Tokenizer

/// Drives one sequence over one chain: passes, draws, text, statistics.
package struct GenerationRun: Sendable {
    private let chain: Chain
    private let options: GenerationOptions
    private let sampler: Sampler
    private var sequence: SequenceState
    private var stream: TextStream
    private var statistics: GenerationStatistics
    private var logits: [[Float]] = []
    /// What of the text nobody was told yet.
    private var untold: [GenerationEvent] = []
    private var draftLength: DraftLength
    private let vocabularySize: Int
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
        self.vocabularySize = sequence.vocabularySize
        self.stream = TextStream(tokenizer: tokenizer, prompt: sequence.prompt, stopStrings: options.stopStrings)
        self.statistics = GenerationStatistics(chain: chain, promptTokens: sequence.prompt.count, cachedTokens: cached)
        self.position = cached
        self.draftLength = DraftLength(options.speculation.choice)
    }

    /// Runs to the end.
    ///
    /// What a token waits for happens on one thread, that of the passes; the caller, whom a report may hold up, is told
    /// meanwhile.
    ///
    /// - Parameters:
    ///   - isInterrupted: asked between two passes, on their thread, so it has to answer at once; where it says so, the
    ///     generation ends as it is.
    ///   - report: called in order, from the calling task, while the generation goes on: no further than a pass
    ///     beyond the next report.
    /// - Throws: ``CoordinatorError``, or `CancellationError` between two passes; what `report` throws.
    package mutating func run(
        isInterrupted: @escaping @Sendable () -> Bool = { false },
        report: (GenerationEvent) async throws -> Void
    ) async throws -> Generation {
        let events = AsyncChannel<GenerationEvent>()
        let run = self
        let ending = try await withThrowingTaskGroup(of: Ending.self) { group in
            group.addTask(executorPreference: run.chain.thread) {
                defer { events.finish() }
                var run = run
                let generation = try await run.generateTended(isInterrupted, events)
                return Ending(run: run, generation: generation)
            }
            defer { group.cancelAll() }
            for await event in events { try await report(event) }
            return try await group.next()
        }
        guard let ending else { preconditionFailure("the task has an end") }
        self = ending.run
        return ending.generation
    }

    private struct Ending: Sendable {
        var run: GenerationRun
        var generation: Generation
    }

    private mutating func generateTended(
        _ isInterrupted: @Sendable () -> Bool,
        _ events: AsyncChannel<GenerationEvent>
    ) async throws -> Generation {
        try await withThrowingDiscardingTaskGroup { group in
            let chain = self.chain
            group.addTask { await chain.tend() }
            defer { group.cancelAll() }
            return try await self.generate(isInterrupted, events)
        }
    }

    private mutating func generate(
        _ isInterrupted: @Sendable () -> Bool,
        _ events: AsyncChannel<GenerationEvent>
    ) async throws -> Generation {
        await events.send(.promptText(self.stream.promptText))
        let clock = ContinuousClock()
        var lastToken = clock.now
        while let pass = self.sequence.nextPass(guesses: self.guesses()) {
            try Task.checkCancellation()
            if isInterrupted() {
                self.sequence.interrupt()
                break
            }
            let isPrefill = self.sequence.generated.isEmpty
            let promptCount = self.sequence.prompt.count
            let (result, took) = try await self.run(pass, telling: self.takeUntold(), events) { length in
                guard isPrefill else { return true }
                await events.send(.prefilled(tokens: length, of: promptCount))
                return !isInterrupted()
            }
            self.statistics.add(result, of: self.chain)
            for recovery in result.recoveries { await events.send(.recovered(recovery)) }
            if isPrefill { await events.send(.prefilled(tokens: result.length, of: promptCount)) }
            guard result.length == pass.position + pass.tokens.count else {
                self.position = result.length
                self.sequence.interrupt()
                break
            }
            let answered = clock.now
            let right = try await withTaskExecutorPreference(self.drawer) {
                try self.draw(from: result.logits ?? [], after: pass)
            }
            let drawing = answered.duration(to: clock.now)
            let interval = lastToken.duration(to: clock.now)
            lastToken += interval
            if isPrefill {
                self.statistics.timeToFirstToken = interval
            } else {
                self.measure(pass, right, took, result, interval, drawing)
            }
            self.position = pass.position + pass.tokens.count - pass.guesses + right
        }
        await Self.tell(self.takeUntold(), events)
        if self.sequence.finishReason != .stopString {
            let rest = self.stream.finish()
            if !rest.isEmpty { await events.send(.text(rest)) }
        }
        // What was to be reported when the task was cancelled is lost.
        try Task.checkCancellation()
        return self.finished()
    }

    /// Runs a pass, and tells meanwhile what came before it: to wake whoever reads takes as long as much of what a step waits
    /// for.
    private func run(
        _ pass: SequenceState.Pass,
        telling untold: [GenerationEvent],
        _ events: AsyncChannel<GenerationEvent>,
        progress: (Int) async throws -> Bool
    ) async throws -> (result: Chain.Result, took: Duration) {
        guard self.chain.queue == nil else {
            // The blocks' own thread has no time for it once they run.
            await Self.tell(untold, events)
            return try await self.timed(pass, progress)
        }
        async let told: Void = {
            // The step leaves first.
            await Task.yield()
            await Self.tell(untold, events)
        }()
        do {
            let timed = try await self.timed(pass, progress)
            await told
            return timed
        } catch {
            await told
            throw error
        }
    }

    /// How long a pass took says nothing of whoever reads.
    private func timed(
        _ pass: SequenceState.Pass,
        _ progress: (Int) async throws -> Bool
    ) async throws -> (result: Chain.Result, took: Duration) {
        let start = ContinuousClock.now
        let result = try await self.chain.run(pass, chunk: self.options.prefillChunk, progress: progress)
        return (result, start.duration(to: .now))
    }

    /// Where tokens are drawn; nil for the thread of the passes. Connections must not wait for a large vocabulary.
    private var drawer: (any TaskExecutor)? {
        let isHere = self.chain.queue != nil || self.sampler.isBrief(vocabulary: self.vocabularySize)
        return isHere ? nil : globalConcurrentExecutor
    }

    /// What may be drawn next, as many tokens as pay.
    private func guesses() -> ArraySlice<UInt32> {
        // What was guessed wrongly has to be taken back, which a plain 1.0.0 server cannot; one may have joined meanwhile.
        guard self.chain.isExact else { return [] }
        let room = min(self.sequence.roomForGuesses, Limits.logitBytes / (2 * self.vocabularySize) - 1)
        let count = min(self.draftLength.count, room)
        return count > 0 ? PromptLookup.guess(after: self.sequence.tokens, atMost: count) : []
    }

    private mutating func measure(
        _ pass: SequenceState.Pass,
        _ right: Int,
        _ took: Duration,
        _ result: Chain.Result,
        _ interval: Duration,
        _ drawing: Duration
    ) {
        let compute = result.timings.reduce(.zero) { $0 + $1.timing.compute }
        self.statistics.passes.append(.init(duration: interval, compute: compute, drawing: drawing))
        self.draftLength.ran(guesses: pass.guesses, right: right, duration: took, compute: compute)
        self.statistics.guessedTokens += pass.guesses
        self.statistics.rightGuesses += right
    }

    /// Draws one token, and another one for each guess that was drawn before it.
    ///
    /// - Returns: how many guesses were right.
    private mutating func draw(
        from bits: [UInt16],
        after pass: SequenceState.Pass
    ) throws -> Int {
        let rows = pass.guesses + 1
        let width = self.vocabularySize
        guard bits.count == rows * width else { throw self.otherCount(of: bits.count, than: rows) }
        for (index, guess) in pass.tokens.suffix(pass.guesses).enumerated() {
            let token = self.draw(from: bits[index * width..<(index + 1) * width])
            self.emit(token)
            guard token == guess else { return index }
            // Its logits stay unread: a guess was right about the end.
            guard self.sequence.finishReason == nil else { return index + 1 }
        }
        self.emit(self.draw(from: bits.suffix(width)))
        return pass.guesses
    }

    /// - Parameter bits: finite, which the spans see to.
    private mutating func draw(from bits: ArraySlice<UInt16>) -> UInt32 {
        let logits = Numerics.floats(Array(bits))
        if self.options.keepsLogits { self.logits.append(logits) }
        let token = self.sampler.token(from: logits, at: self.sequence.nextPosition)
        self.sequence.drew(token)
        self.statistics.generatedTokens += 1
        return token
    }

    private func otherCount(of logits: Int, than rows: Int) -> CoordinatorError {
        let last = self.chain.spans.last?.name ?? "the chain"
        return CoordinatorError(
            .badReply,
            "\(last) answered \(logits) logits, not those of \(rows) tokens: leave it out and run again"
        )
    }

    private mutating func takeUntold() -> [GenerationEvent] {
        defer { self.untold = [] }
        return self.untold
    }

    private static func tell(_ untold: [GenerationEvent], _ events: AsyncChannel<GenerationEvent>) async {
        for event in untold { await events.send(event) }
    }

    private mutating func emit(_ token: UInt32) {
        let output = self.stream.append(token)
        if !output.text.isEmpty { self.untold.append(.text(output.text)) }
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
