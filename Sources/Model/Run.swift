internal import CKernels

/// A step on its way: admitted or refused at once, then computed in as many passes as its tokens need.
struct Run {
    let step: LoadedRange.Step
    /// Tokens of the step.
    let count: Int
    private var state: State
    private var result: [Float] = []

    private enum State {
        /// The cache is ours; so many tokens have been computed.
        case running(done: Int)
        /// The cache is not ours, or no longer.
        case failed(ModelError)
    }

    init(_ step: LoadedRange.Step, in range: LoadedRange, blocks: Range<Int>) {
        self.step = step
        self.count =
            switch step.input {
            case .tokens(let tokens): tokens.count
            case .hidden(let bits): bits.count / range.configuration.hiddenSize
            }
        do {
            try range.admit(step, blocks: blocks)
            try step.cache.take(position: step.position, count: self.count)
            self.state = .running(done: 0)
        } catch {
            self.state = .failed(error)
        }
    }

    var done: Int {
        if case .running(let done) = self.state { done } else { self.count }
    }

    var remaining: Int { self.count - self.done }

    var hasFailed: Bool {
        if case .failed = self.state { true } else { false }
    }

    mutating func fail(block: Int) {
        guard !self.hasFailed else { return }
        self.step.cache.release(length: nil)
        let message = "Block \(block) computed NaN or infinity; the weights or the activations that came in are broken."
        self.state = .failed(ModelError(.nonFiniteOutput, message, block: block))
    }

    mutating func advance(by tokens: Int) {
        if case .running(let done) = self.state { self.state = .running(done: done + tokens) }
    }

    mutating func append(_ rows: UnsafeBufferPointer<Float>) {
        self.result.append(contentsOf: rows)
    }

    /// Commits the step to its cache, or says why it failed.
    func finish() -> Result<[Float], ModelError> {
        switch self.state {
        case .failed(let error):
            return .failure(error)
        case .running(let done):
            self.step.cache.release(length: self.step.position + done)
            return .success(self.result)
        }
    }
}

extension LoadedRange {
    /// Refuses what cannot be computed, before anything is touched.
    fileprivate func admit(_ step: Step, blocks: Range<Int>) throws(ModelError) {
        try self.check(blocks)
        try self.directory.weights.requireUnchanged()
        guard step.cache.blocks == blocks else {
            throw ModelError(.wrongRange, "The cache was made for other blocks than the step asks for.")
        }
        switch step.input {
        case .tokens(let tokens): try self.admit(tokens, blocks: blocks)
        case .hidden(let bits): try self.admit(bits, blocks: blocks)
        }
        if case .logits = step.output, blocks.upperBound != self.configuration.blockCount {
            throw ModelError(
                .wrongRange,
                "Logits come after block \(self.configuration.blockCount - 1); the step ends before it."
            )
        }
    }

    private func admit(_ tokens: [UInt32], blocks: Range<Int>) throws(ModelError) {
        guard blocks.lowerBound == 0 else {
            throw ModelError(.wrongRange, "Token ids go into block 0; the step begins at block \(blocks.lowerBound).")
        }
        guard !tokens.isEmpty else { throw ModelError(.badTensor, "The step has no tokens.") }
        guard let token = tokens.first(where: { $0 >= UInt32(self.configuration.vocabularySize) }) else { return }
        throw ModelError(
            .badToken,
            "The token \(token) is beyond the vocabulary of \(self.configuration.vocabularySize)."
        )
    }

    private func admit(_ bits: [UInt16], blocks: Range<Int>) throws(ModelError) {
        guard blocks.lowerBound > 0 else {
            throw ModelError(.wrongRange, "Block 0 takes token ids, not hidden states.")
        }
        let width = self.configuration.hiddenSize
        guard !bits.isEmpty, bits.count.isMultiple(of: width) else {
            throw ModelError(.badTensor, "\(bits.count) numbers are no rows of \(width).")
        }
        guard kw_count_not_finite(bits, bits.count) == 0 else {
            throw ModelError(.badTensor, "The hidden states hold NaN or infinity.")
        }
    }
}
