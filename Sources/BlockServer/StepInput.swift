internal import Model
internal import ShardProtocol
internal import SwarmCore

/// A request that fits the blocks that are loaded here; what the session makes of it is the ledger's business.
struct StepInput: Sendable {
    let input: LoadedRange.Input
    let answer: Answer
    let blocks: BlockRange
    let tokenCount: Int

    /// What the caller gets back.
    enum Answer: Sendable {
        case hiddenStates
        /// The chunk goes into the cache and nothing comes back: a prefill whose logits nobody wants.
        case nothing
        case logits(LoadedRange.Output.Tokens)

        var isEmpty: Bool {
            if case .nothing = self { true } else { false }
        }

        /// What a pass is asked for that computes a part of the tokens: logits of the last one only where it has it.
        ///
        /// - Parameter after: how many tokens of the step come behind that part.
        func output(after: Int, of count: Int) -> LoadedRange.Output {
            switch self {
            case .hiddenStates: .hidden
            case .logits(.last): after == 0 ? .logits(.last) : .nothing
            case .logits(.final(let wanted)): after < wanted ? .logits(.final(min(wanted - after, count))) : .nothing
            case .logits(.every): .logits(.every)
            case .nothing: .nothing
            }
        }
    }

    /// Why a request cannot be run here, whatever its session holds.
    struct Mismatch: Error {
        var code: ReplyCode
        var message: String
    }

    /// - Parameter range: what is loaded, and what a plain 1.0.0 request, which names no blocks, means.
    init(
        _ request: InferenceRequest,
        range: BlockRange,
        configuration: ModelConfiguration
    ) throws(Mismatch) {
        let blocks = request.step?.blocks ?? range
        guard range.contains(blocks) else {
            throw Mismatch(code: .wrongRange, message: "blocks \(blocks) were asked for; this node serves \(range)")
        }
        self.blocks = blocks
        self.input = try Self.input(request.payload, blocks, width: configuration.hiddenSize)
        self.tokenCount = request.payload.tokenCount ?? 0
        let isLast = blocks.upperBound == configuration.blockCount
        switch (isLast, request.step?.logits ?? .last) {
        case (false, _): self.answer = .hiddenStates
        case (true, .none): self.answer = .nothing
        case (true, .last): self.answer = .logits(.last)
        case (true, .final(let count)):
            guard count <= self.tokenCount else {
                throw Mismatch(code: .badRequest, message: "logits of \(count) tokens of a step of \(self.tokenCount)")
            }
            self.answer = .logits(.final(Int(count)))
        case (true, .every): self.answer = .logits(.every)
        }
        try self.checkAnswerSize(configuration)
    }

    /// Some of the tokens.
    func input(_ tokens: Range<Int>) -> LoadedRange.Input {
        guard tokens != 0..<self.tokenCount else { return self.input }
        switch self.input {
        case .tokens(let ids): return .tokens(Array(ids[tokens]))
        case .hidden(let bits):
            let width = bits.count / self.tokenCount
            return .hidden(Array(bits[tokens.lowerBound * width..<tokens.upperBound * width]))
        }
    }

    private static func input(
        _ payload: InferenceRequest.Payload,
        _ blocks: BlockRange,
        width: Int
    ) throws(Mismatch) -> LoadedRange.Input {
        switch payload {
        case .tokenIDs(let ids):
            guard blocks.lowerBound == 0 else {
                let text = InferenceResponse.wrongPayloadText(startBlock: blocks.lowerBound)
                throw Mismatch(code: .wrongRange, message: text)
            }
            guard !ids.isEmpty else { throw Mismatch(code: .badTensor, message: "the step has no tokens") }
            return .tokens(ids)
        case .hiddenStates(let activations):
            guard blocks.lowerBound > 0 else {
                throw Mismatch(code: .wrongRange, message: "block 0 takes token ids, not hidden states")
            }
            guard let tokens = activations.tokenCount, tokens > 0, activations.width == width else {
                throw Mismatch(
                    code: .badTensor,
                    message: "hidden states of shape \(activations.shape); [1, tokens, \(width)] is expected"
                )
            }
            return .hidden(activations.halves)
        }
    }

    private func checkAnswerSize(_ configuration: ModelConfiguration) throws(Mismatch) {
        let values =
            switch self.answer {
            case .nothing: (partialValue: 0, overflow: false)
            case .hiddenStates: self.tokenCount.multipliedReportingOverflow(by: configuration.hiddenSize)
            case .logits(.last): (partialValue: configuration.vocabularySize, overflow: false)
            case .logits(.final(let count)): count.multipliedReportingOverflow(by: configuration.vocabularySize)
            case .logits(.every): self.tokenCount.multipliedReportingOverflow(by: configuration.vocabularySize)
            }
        guard !values.overflow, values.partialValue <= Limits.answerBytes / 2 else {
            throw Mismatch(
                code: .tooLarge,
                message: "the answer to \(self.tokenCount) tokens would exceed \(Limits.answerBytes) bytes;"
                    + " send fewer at a time"
            )
        }
    }
}
