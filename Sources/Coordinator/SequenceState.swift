/// Why a generation ended.
public enum FinishReason: String, Sendable, Codable {
    /// The model said so with an end-of-sequence token.
    case endOfSequence = "eos"
    /// A stop string was met.
    case stopString = "stop"
    /// The token limit, or the end of the model's context, was reached.
    case length
    /// Whoever reads it had enough.
    case interrupted
}

/// The tokens of one sequence and what has to happen next: which pass to run, and when to stop.
///
/// Pure: it neither computes nor waits. Its driver runs each pass over the chain and hands in the token that was drawn.
package struct SequenceState: Sendable {
    /// One pass over the chain.
    package struct Pass: Equatable, Sendable {
        package var tokens: [UInt32]
        /// The position of the first of ``tokens``.
        package var position: Int
        /// How many of the last tokens are guesses of those that will be drawn. Their logits are needed, and those of the
        /// token before; of a pass without guesses, those of the last one.
        package var guesses = 0
    }

    private enum State {
        case prefilling(from: Int)
        case awaitingToken
        case decoding(UInt32)
        case finished(FinishReason)
    }

    package let prompt: [UInt32]
    package private(set) var generated: [UInt32] = []
    private var state: State
    private let capacity: Int
    private let endTokens: Set<UInt32>
    package let vocabularySize: Int

    /// - Parameters:
    ///   - prompt: at least one token and fewer than `contextLength`.
    ///   - cached: how many of them the chain has run already; the last one is run again, since its logits are wanted.
    ///   - endTokens: the tokens that end a sequence; empty to go on regardless.
    /// - Throws: ``CoordinatorError`` with code `badPrompt` or `promptTooLong`.
    package init(
        prompt: [UInt32],
        cached: Int = 0,
        vocabularySize: Int,
        contextLength: Int,
        endTokens: Set<UInt32>,
        options: GenerationOptions
    ) throws(CoordinatorError) {
        try options.validate()
        guard !prompt.isEmpty else {
            throw CoordinatorError(
                .badPrompt,
                "the prompt is empty and this model has no token to begin with: give some text"
            )
        }
        if let stranger = prompt.first(where: { $0 >= vocabularySize }) {
            throw CoordinatorError(
                .badPrompt,
                "token \(stranger) is beyond the model's vocabulary of \(vocabularySize): encode the prompt with this model's tokenizer"
            )
        }
        guard prompt.count < contextLength else {
            throw CoordinatorError(
                .promptTooLong,
                "the prompt has \(prompt.count) tokens, but the model's context of \(contextLength) leaves room for at most "
                    + "\(contextLength - 1): shorten it"
            )
        }
        self.prompt = prompt
        self.vocabularySize = vocabularySize
        self.state = .prefilling(from: min(max(cached, 0), prompt.count - 1))
        self.capacity = min(options.maxTokens, contextLength - prompt.count)
        self.endTokens = options.ignoresEndOfSequence ? [] : endTokens.union(options.endTokens)
    }

    /// The most positions that this sequence will ever fill, for the hops to reserve.
    package var maximumLength: Int { self.prompt.count + self.capacity }

    /// The position of the token that is drawn next.
    package var nextPosition: Int { self.prompt.count + self.generated.count }

    package var finishReason: FinishReason? {
        if case .finished(let reason) = self.state { return reason }
        return nil
    }

    /// What stands fast of the sequence.
    package var tokens: [UInt32] { self.prompt + self.generated }

    /// How many guesses the next pass may carry: not beyond the last token that will be drawn, and none in a prefill.
    package var roomForGuesses: Int {
        if case .decoding = self.state { self.capacity - self.generated.count - 1 } else { 0 }
    }

    /// The next pass to run; nil once the sequence has ended.
    ///
    /// - Parameter guesses: at most ``roomForGuesses`` tokens that may be drawn next. Each is judged by the logits of the
    ///   token before it, so what is drawn does not depend on them.
    package mutating func nextPass(guesses: some Collection<UInt32> = EmptyCollection()) -> Pass? {
        switch self.state {
        case .prefilling(let start):
            self.state = .awaitingToken
            return Pass(tokens: Array(self.prompt[start...]), position: start)
        case .decoding(let token):
            self.state = .awaitingToken
            precondition(guesses.count <= self.capacity - self.generated.count - 1, "guesses lie within the sequence")
            return Pass(
                tokens: [token] + guesses,
                position: self.nextPosition - 1,
                guesses: guesses.count
            )
        case .finished:
            return nil
        case .awaitingToken:
            preconditionFailure("a pass must be answered with a token")
        }
    }

    /// The pass gave this token.
    package mutating func drew(_ token: UInt32) {
        self.generated.append(token)
        if self.endTokens.contains(token) {
            self.state = .finished(.endOfSequence)
        } else if self.generated.count == self.capacity {
            self.state = .finished(.length)
        } else {
            self.state = .decoding(token)
        }
    }

    /// Nobody wants to read on.
    package mutating func interrupt() {
        self.state = .finished(.interrupted)
    }

    /// The text met a stop string.
    package mutating func metStopString() {
        self.state = .finished(.stopString)
    }
}
