package import Model
import ShardProtocol

/// Spans that together run every block of a model, in order.
///
/// One chain serves one sequence: each span holds that sequence's KV-cache.
package struct Chain: Sendable {
    package let spans: [any Span]

    /// - Parameters:
    ///   - spans: in the order of their blocks.
    ///   - blockCount: how many blocks the model has.
    /// - Throws: ``CoordinatorError`` with code `badChain` when the spans leave a gap, overlap, or end elsewhere.
    package init(spans: [any Span], blockCount: Int) throws(CoordinatorError) {
        try Self.check(spans.map { (name: $0.name, blocks: $0.blocks) }, blockCount: blockCount)
        self.spans = spans
    }

    /// - Throws: ``CoordinatorError`` with code `badChain` when the ranges leave a gap, overlap, or end elsewhere.
    static func check(_ hops: [(name: String, blocks: BlockRange)], blockCount: Int) throws(CoordinatorError) {
        var next = 0
        for hop in hops {
            guard hop.blocks.lowerBound == next else {
                throw CoordinatorError(
                    .badChain,
                    "\(hop.name) is to run blocks \(hop.blocks), but block \(next) comes next: each range must begin where"
                        + " the one before ends"
                )
            }
            next = hop.blocks.upperBound
        }
        guard next <= blockCount else {
            throw CoordinatorError(
                .badChain,
                "the chain goes on to block \(next), but the model ends at \(blockCount): end there"
            )
        }
        guard next == blockCount else {
            throw CoordinatorError(
                .badChain,
                "the chain ends at block \(next) of \(blockCount): add \(next)..\(blockCount)"
            )
        }
    }

    /// Whether the text is the same to the bit whatever happens on the way; false with a plain 1.0.0 server in it.
    package var isExact: Bool { self.spans.allSatisfy(\.isExact) }

    /// The thread on which every pass runs from beginning to end; nil where passes leave this process.
    package var queue: ComputeQueue? { self.spans.count == 1 ? self.spans[0].queue : nil }

    /// What one pass gave.
    package struct Result: Sendable {
        /// f16 bits, one for each token of the vocabulary; nil when the pass wanted none.
        package var logits: [UInt16]?
        /// One for each span.
        package var timings: [StepTiming]
    }

    package func run(_ pass: SequenceState.Pass) async throws(CoordinatorError) -> Result {
        // From hop to hop on the thread of their connections: nobody is woken but by an answer.
        let executor = self.spans.lazy.compactMap(\.executor).first
        return try await withTaskExecutorPreference(executor) { () async throws(CoordinatorError) in
            try await self.runEach(pass)
        }
    }

    private func runEach(_ pass: SequenceState.Pass) async throws(CoordinatorError) -> Result {
        var input = SpanInput.tokens(pass.tokens)
        var timings: [StepTiming] = []
        timings.reserveCapacity(self.spans.count)
        for (index, span) in self.spans.enumerated() {
            let isLast = index == self.spans.count - 1
            let step = try await span.step(input, at: pass.position, wantsLogits: isLast && pass.wantsLogits)
            timings.append(step.timing)
            switch step.output {
            case .hidden(let activations) where !isLast:
                input = .hidden(activations)
            case .logits(let logits) where isLast:
                return Result(logits: pass.wantsLogits ? logits : nil, timings: timings)
            case .hidden where isLast && !pass.wantsLogits, .nothing where isLast && !pass.wantsLogits:
                break
            case .hidden, .logits, .nothing:
                throw CoordinatorError(
                    .badReply,
                    "\(span.name) answered something else than blocks \(span.blocks) give: leave it out and run again"
                )
            }
        }
        return Result(logits: nil, timings: timings)
    }

    /// Frees the sequence's cache on every hop, at once.
    package func close() async {
        await withDiscardingTaskGroup { group in
            for span in self.spans { group.addTask { await span.close() } }
        }
    }
}
