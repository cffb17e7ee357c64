package import Model
package import ShardProtocol
import SwarmCore

/// Blocks that this process runs itself.
package final class LocalSpan: Span {
    package let blocks: BlockRange
    package let isExact = true
    package let name = "this process"

    private let model: LoadedRange
    private let cache: KVCache
    private let passes: ComputeQueue
    package var queue: ComputeQueue? { self.passes }

    /// - Parameters:
    ///   - maximumTokens: the positions to reserve in the cache.
    ///   - queue: the thread that runs the passes.
    package init(
        model: LoadedRange,
        blocks: BlockRange,
        maximumTokens: Int,
        queue: ComputeQueue
    ) throws(CoordinatorError) {
        self.model = model
        self.blocks = blocks
        self.passes = queue
        do {
            self.cache = try model.makeCache(blocks: blocks.indices, maximumTokens: maximumTokens)
        } catch {
            throw CoordinatorError(.modelFailed, error.message)
        }
    }

    package func step(
        _ step: SpanStep,
        deadline: StepDeadline?
    ) async throws(CoordinatorError) -> SpanAnswer {
        let (position, wantsLogits, guesses) = (step.position, step.wantsLogits, step.guesses)
        let clock = ContinuousClock()
        let start = clock.now
        let (model, cache, blocks) = (self.model, self.cache, self.blocks)
        cache.truncate(to: position)
        let bits: [UInt16]
        let tokenCount: Int
        do {
            let modelInput: LoadedRange.Input
            switch step.input {
            case .tokens(let tokens):
                modelInput = .tokens(tokens)
                tokenCount = tokens.count
            case .hidden(let activations):
                modelInput = .hidden(activations.halves)
                tokenCount = activations.tokenCount ?? 0
            }
            bits = try await self.passes.run { () throws(ModelError) in
                try model.forward(
                    modelInput,
                    blocks: blocks.indices,
                    at: position,
                    cache: cache,
                    output: wantsLogits ? .logits(guesses > 0 ? .every : .last) : .hidden
                )
            }
        } catch {
            throw CoordinatorError(.modelFailed, error.message)
        }
        let timing = StepTiming(compute: clock.now - start, queue: .zero, network: .zero)
        if wantsLogits { return SpanAnswer(output: .logits(bits), timing: timing) }
        do {
            return SpanAnswer(output: .hidden(try Activations(tokens: tokenCount, halves: bits)), timing: timing)
        } catch {
            throw CoordinatorError(.modelFailed, error.message)
        }
    }

    /// The cache goes when the span does.
    package func close() async {}
}
