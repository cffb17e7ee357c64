package import Model
package import ShardProtocol

/// What goes into a span: token ids into the first, activations into the others.
package enum SpanInput: Sendable {
    case tokens([UInt32])
    case hidden(Activations)
}

/// What comes out of a span.
package enum SpanOutput: Sendable {
    case hidden(Activations)
    /// f16 bits, one for each token of the vocabulary, of the last position.
    case logits([UInt16])
    /// The last span of a pass that wants no logits has nothing to say.
    case nothing
}

/// How long one step took, by where the time went.
package struct StepTiming: Sendable, Equatable {
    package var compute: Duration
    package var queue: Duration
    package var network: Duration
}

/// A range of blocks that one session of a chain runs on one machine, its KV-cache included.
package protocol Span: Sendable {
    var blocks: BlockRange { get }
    /// Whether a repeated or moved step gives the same bits; false for plain 1.0.0 servers (DESIGN.md §5).
    var isExact: Bool { get }
    /// Names the machine for people and statistics.
    var name: String { get }
    /// The thread that runs the passes, where it is one of this process.
    var queue: ComputeQueue? { get }
    /// The thread on which its steps leave and arrive, where it is one of another process.
    var executor: (any TaskExecutor)? { get }

    /// Runs the tokens that `input` holds, the first at `position`, over every block of the range.
    ///
    /// What the cache holds from `position` on is forgotten first, which only an exact span can do (``isExact``).
    func step(
        _ input: SpanInput,
        at position: Int,
        wantsLogits: Bool
    ) async throws(CoordinatorError) -> (output: SpanOutput, timing: StepTiming)

    /// Frees the session's cache.
    func close() async
}

extension Span {
    package var queue: ComputeQueue? { nil }
    package var executor: (any TaskExecutor)? { nil }
}
