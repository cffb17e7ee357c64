package import Model
import P2PCore
package import P2PWire
package import ShardProtocol
package import SwarmCore

/// What comes out of a span.
package enum SpanOutput: Sendable {
    case hidden(Activations)
    /// f16 bits, one for each token of the vocabulary, of the last position or, with guesses, of each. None is NaN or
    /// infinite: a span refuses such an answer, since nobody looks after it.
    case logits([UInt16])
    /// The last span of a pass that wants no logits has nothing to say.
    case nothing
}

/// What a span is to run.
package struct SpanStep: Sendable {
    package var input: SpanInput
    /// Counts the steps of the span's session; the first is 0.
    package var number: UInt32
    /// The position of the first token.
    package var position: Int
    /// Whether the session may hold tokens from that position on, which are to be forgotten.
    package var goesBack = false
    package var wantsLogits: Bool
    /// How many of the last tokens are guesses; where there are any, every token is one but the first, and logits are
    /// wanted of each.
    package var guesses = 0
    /// Whether steps before it are not answered yet.
    package var isAhead = false
    /// The numbers of the same step on the spans after this one, which each passes it on to.
    package var push: [UInt32] = []
    /// Whether the session takes pushes from nobody from now on.
    package var refusesPushes = false
    /// Of how many of the last tokens the last of these is to give logits.
    package var pushedLogits = 0

    package init(_ input: SpanInput, number: UInt32, at position: Int, wantsLogits: Bool) {
        self.input = input
        self.number = number
        self.position = position
        self.wantsLogits = wantsLogits
    }
}

/// What a span makes of a step.
package struct SpanAnswer: Sendable {
    package var output: SpanOutput
    package var timing: StepTiming
    /// Whether its peer said that it is about to go.
    package var isLeaving = false
    /// Whether it was to pass the step on and did not.
    package var isUnpushed = false

    package init(output: SpanOutput, timing: StepTiming, isLeaving: Bool = false) {
        self.output = output
        self.timing = timing
        self.isLeaving = isLeaving
    }
}

/// A step that the span before is to pass on.
package struct PushedStep: Sendable {
    package var number: UInt32
    package var tokenCount: Int
    package var wantsLogits: Bool
    package var guesses: Int
}

/// What comes of such a step.
package enum PushOutcome: Sendable {
    case answered(SpanAnswer)
    /// What was answered is wrong.
    case failed(CoordinatorError)
    /// It was not run, or nothing is known of it.
    case astray
}

/// When a step is late, and what happens then.
package struct StepDeadline: Sendable {
    /// From the beginning of the step.
    package var after: Duration
    /// Called while the step goes on, again and again but ever more seldom; true when others run it now, so that nobody waits
    /// for it any more.
    package var passed: @Sendable () async -> Bool
}

/// How long one step took, by where the time went.
package struct StepTiming: Sendable, Equatable {
    package var compute: Duration
    package var queue: Duration
    /// Writing the step and reading its answer, in this process.
    package var serialise = Duration.zero
    /// The rest of the round trip.
    package var network: Duration
}

/// A range of blocks that one session of a chain runs on one machine, its KV-cache included.
package protocol Span: Sendable {
    var blocks: BlockRange { get }
    /// Whether a repeated or moved step gives the same bits; false for plain 1.0.0 servers (DESIGN.md §5).
    var isExact: Bool { get }
    /// Names the machine for people and statistics.
    var name: String { get }
    /// Who runs it; nil for this process.
    var peer: PeerID? { get }
    /// The thread that runs the passes, where it is one of this process.
    var queue: ComputeQueue? { get }
    /// The thread on which its steps leave and arrive, where it is one of another process.
    var executor: (any TaskExecutor)? { get }

    /// Whether it takes steps before those that came earlier are answered; they are given in the order of their numbers.
    var takesStepsAhead: Bool { get }

    /// Runs the tokens of `step` over every block of the range.
    ///
    /// What the cache holds from its position on is forgotten first, which only an exact span can do (``isExact``).
    ///
    /// - Parameter deadline: nil where nobody would care; a span that is never late may ignore it.
    func step(_ step: SpanStep, deadline: StepDeadline?) async throws(CoordinatorError) -> SpanAnswer

    /// Where others can pass steps on to; nil where they cannot. Who takes steps from others passes them on too.
    var pushTarget: PushTarget? { get }

    /// Lets `peer` pass on steps of this session; false where that came to nothing.
    func takePushes(from peer: PeerID) async -> Bool

    /// Passes steps on to another span from now on, where they say so; false where it cannot be reached.
    ///
    /// - Parameter broke: called at most once, when it could and cannot any more.
    func push(to target: PushTarget, broke: @escaping @Sendable () -> Void) async -> Bool

    /// Somebody is about to pass on a step; `ended` is called once.
    func expect(_ step: PushedStep, _ ended: @escaping @Sendable (PushOutcome) -> Void)

    /// Nothing comes any more of a step that somebody was about to pass on.
    func forget(_ step: UInt32)

    /// Whether the machine shows signs of life; told after ``Limits/pingInterval``, or as soon as there is no hope.
    ///
    /// - Parameter start: since when something has been expected of it.
    func isAlive(since start: ContinuousClock.Instant) async -> Bool

    /// Another session on the same machine, which holds nothing yet; nil where there can be none.
    func reopened() -> (any Span)?

    /// Frees the session's cache.
    func close() async
}

extension Span {
    package var peer: PeerID? { nil }
    package var queue: ComputeQueue? { nil }
    package var executor: (any TaskExecutor)? { nil }
    package var takesStepsAhead: Bool { false }
    package var pushTarget: PushTarget? { nil }
    package func takePushes(from peer: PeerID) async -> Bool { false }
    package func push(to target: PushTarget, broke: @escaping @Sendable () -> Void) async -> Bool { false }
    package func expect(_ step: PushedStep, _ ended: @escaping @Sendable (PushOutcome) -> Void) { ended(.astray) }
    package func forget(_ step: UInt32) {}
    package func isAlive(since start: ContinuousClock.Instant) async -> Bool {
        try? await pause(for: Limits.pingInterval)
        return true
    }
    package func reopened() -> (any Span)? { nil }
}
