/// How the next token is drawn from the logits.
public struct SamplingOptions: Hashable, Sendable {
    /// Divides the logits before the softmax; 0 takes the largest logit (greedy).
    public var temperature: Double
    /// Only the `topK` largest logits are candidates; 0 means all.
    public var topK: Int
    /// Only the most probable candidates that together hold this share of the probability; 1 means all.
    public var topP: Double
    /// Names the sequence of random numbers: the same seed gives the same tokens.
    public var seed: UInt64

    public init(temperature: Double = 0.7, topK: Int = 0, topP: Double = 1, seed: UInt64 = 0) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.seed = seed
    }

    /// Takes the largest logit each time.
    public static let greedy = SamplingOptions(temperature: 0)

    /// - Throws: ``CoordinatorError`` with code `invalidOption`, naming the option and its range.
    func validate() throws(CoordinatorError) {
        guard self.temperature.isFinite, self.temperature >= 0 else {
            throw .invalidOption(
                "temperature \(self.temperature) is not usable: give a number of at least 0 (0 is greedy)"
            )
        }
        guard self.topP > 0, self.topP <= 1 else {
            throw .invalidOption("top-p \(self.topP) is not usable: give a number above 0 and at most 1")
        }
        guard self.topK >= 0 else {
            throw .invalidOption("top-k \(self.topK) is not usable: give a number of at least 0 (0 takes all tokens)")
        }
    }
}
