internal import CKernels

extension LoadedRange {
    /// What goes into a step.
    public enum Input: Equatable, Sendable {
        /// Token ids, for a step that begins at block 0.
        case tokens([UInt32])
        /// The stream before the first block of the step as f16 bits, [tokens][hiddenSize].
        case hidden([UInt16])
    }

    /// What comes out of it.
    public enum Output: Equatable, Sendable {
        /// The stream after the last block of the step as f16 bits, [tokens][hiddenSize].
        case hidden
        /// Nothing: the tokens go into the cache.
        case nothing
        /// For a step that ends at the model's last block: the logits as f16 bits, [vocabularySize] for each token.
        case logits(Tokens)

        public enum Tokens: Equatable, Sendable {
            case last
            /// So many at the end, or all where there are fewer.
            case final(Int)
            case every
        }
    }

    /// One sequence's part in a pass.
    public struct Step: Sendable {
        public var input: Input
        /// Of the first token; the cache's length.
        public var position: Int
        public var cache: KVCache
        public var output: Output

        public init(input: Input, position: Int, cache: KVCache, output: Output) {
            self.input = input
            self.position = position
            self.cache = cache
            self.output = output
        }
    }

    /// Runs the tokens of one sequence through `blocks`, and commits them to the cache. Nothing is committed where it
    /// throws.
    public func forward(
        _ input: Input,
        blocks: Range<Int>,
        at position: Int,
        cache: KVCache,
        output: Output
    ) throws(ModelError) -> [UInt16] {
        let step = Step(input: input, position: position, cache: cache, output: output)
        return try self.forward([step], blocks: blocks)[0].get()
    }

    /// Runs several sequences through `blocks` together, so that the weights are read once. Each has its own result,
    /// the same as if it had come alone.
    public func forward(_ steps: [Step], blocks: Range<Int>) -> [Result<[UInt16], ModelError>] {
        self.floats(steps, blocks: blocks).map { result in result.map(Numerics.halves) }
    }

    /// The same before the results become f16, which they are rounded to already unless `rounding` is `.none`.
    package func floats(_ steps: [Step], blocks: Range<Int>) -> [Result<[Float], ModelError>] {
        var runs = steps.map { Run($0, in: self, blocks: blocks) }
        while true {
            let portions = Self.nextPortions(runs)
            if portions.isEmpty { break }
            self.pass(portions, &runs, blocks: blocks)
        }
        return runs.map { $0.finish() }
    }

    /// The next tokens of the steps that have any left, together at most a pass.
    private static func nextPortions(_ runs: [Run]) -> [Portion] {
        var portions: [Portion] = []
        var row = 0
        for (index, run) in runs.enumerated() where run.remaining > 0 && row < Limits.tokensPerPass {
            let count = min(run.remaining, Limits.tokensPerPass - row)
            portions.append(Portion(run: index, tokens: run.done..<run.done + count, rows: row..<row + count))
            row += count
        }
        return portions
    }

    private func pass(_ portions: [Portion], _ runs: inout [Run], blocks: Range<Int>) {
        let count = portions.reduce(0) { $0 + $1.rows.count }
        self.withScratch(tokens: count) { scratch in
            let pass = self.makePass(portions, runs, count: count, blocks: blocks, scratch)
            let stream = pass.rows(scratch.stream, width: self.configuration.hiddenSize)
            for portion in portions where !self.enter(runs[portion.run].step.input, portion, stream, pass) {
                runs[portion.run].fail(block: 0)
            }
            scratch.prepareRotations(pass.segments)
            for block in blocks {
                self.blocks[block - self.range.lowerBound](stream, pass)
                for portion in portions where !pass.round(stream, portion.rows) {
                    runs[portion.run].fail(block: block)
                }
            }
            self.leave(stream, portions, &runs, pass)
        }
    }

    private func makePass(
        _ portions: [Portion],
        _ runs: [Run],
        count: Int,
        blocks: Range<Int>,
        _ scratch: Scratch
    ) -> Pass {
        Pass(
            kernels: self.kernels,
            routerProbe: self.routerProbe,
            pool: self.pool,
            isParallel: self.pool.threads > 1
                && self.estimatedSeconds(
                    tokens: count,
                    cached: portions.reduce(0) { $0 + runs[$1.run].step.position + $1.tokens.upperBound },
                    blocks
                ) > Pass.secondsWorthAWakeUp,
            rounding: self.rounding,
            scratch: scratch,
            segments: portions.map { portion in
                let step = runs[portion.run].step
                return Pass.Segment(
                    rows: portion.rows,
                    position: step.position + portion.tokens.lowerBound,
                    cache: step.cache
                )
            },
            tokenCount: count,
            tally: self.tally
        )
    }

    /// Fills a portion's rows with the stream before the first block; false where an embedding is NaN or infinite.
    private func enter(_ input: Input, _ portion: Portion, _ stream: Rows, _ pass: Pass) -> Bool {
        switch input {
        case .tokens(let tokens):
            guard let embedding = self.embedding else {
                preconditionFailure("tokens were admitted without block 0")
            }
            let scale = self.configuration.embeddingScale
            for (row, token) in zip(portion.rows, tokens[portion.tokens]) {
                embedding.widen(row: Int(token), into: stream[row], through: pass.scratch.embedded)
                if scale != 1 { kw_scale(self.kernels.table, stream[row], scale, stream.width) }
            }
            return pass.round(stream, portion.rows)
        case .hidden(let bits):
            bits.withUnsafeBufferPointer { bits in
                guard let start = bits.baseAddress else { return }
                let from = start + portion.tokens.lowerBound * stream.width
                let count = portion.rows.count * stream.width
                kw_widen(self.kernels.table, kw_f16, from, stream[portion.rows.lowerBound], count)
            }
            return true
        }
    }

    /// Hands the rows of the portions, or the logits after them, to their runs.
    private func leave(_ stream: Rows, _ portions: [Portion], _ runs: inout [Run], _ pass: Pass) {
        var heads: [(run: Int, rows: Range<Int>)] = []
        for portion in portions where !runs[portion.run].hasFailed {
            let rows = portion.rows
            switch runs[portion.run].step.output {
            case .hidden:
                let count = rows.count * stream.width
                runs[portion.run].append(UnsafeBufferPointer(start: stream[rows.lowerBound], count: count))
            case .nothing: break
            case .logits(.every):
                heads.append((portion.run, rows))
            case .logits(.last):
                guard portion.tokens.upperBound == runs[portion.run].count else { break }
                heads.append((portion.run, rows.upperBound - 1..<rows.upperBound))
            case .logits(.final(let count)):
                let first = max(runs[portion.run].count - count, portion.tokens.lowerBound)
                guard first < portion.tokens.upperBound else { break }
                heads.append((portion.run, rows.lowerBound + first - portion.tokens.lowerBound..<rows.upperBound))
            }
        }
        if !heads.isEmpty { self.appendLogits(of: stream, heads, to: &runs, pass) }
        for portion in portions { runs[portion.run].advance(by: portion.rows.count) }
    }

    /// head(norm(x)), rounded, for some rows of several runs together, so that the head's weights are read once. Moves
    /// these rows to the beginning of the stream, which nobody needs after this.
    private func appendLogits(
        of stream: Rows,
        _ parts: [(run: Int, rows: Range<Int>)],
        to runs: inout [Run],
        _ pass: Pass
    ) {
        guard let head = self.head else { preconditionFailure("logits were admitted without the last block") }
        var count = 0
        for (_, rows) in parts {
            stream[count].update(from: stream[rows.lowerBound], count: rows.count * stream.width)
            count += rows.count
        }
        let normed = head.norm(Rows(start: stream.start, count: count, width: stream.width), pass)
        let width = head.product.rows
        withUnsafeTemporaryAllocation(of: Float.self, capacity: count * width) { memory in
            guard let start = memory.baseAddress else { return }
            let logits = Rows(start: start, count: count, width: width)
            head.product(normed, into: logits, pass)
            if let cap = head.cap { kw_soft_cap(self.kernels.table, start, cap, memory.count) }
            var first = 0
            for (run, rows) in parts {
                let own = first..<first + rows.count
                let isFinite = pass.round(logits, own)
                runs[run].append(UnsafeBufferPointer(start: logits[own.lowerBound], count: rows.count * width))
                if !isFinite { runs[run].fail(block: self.configuration.blockCount - 1) }
                first = own.upperBound
            }
        }
    }

    /// Whether a step of so many tokens is over before another thread would be awake, so that it may run on a thread
    /// that others wait for.
    public func isBrief(tokens: Int, at position: Int, blocks: Range<Int>) -> Bool {
        self.estimatedSeconds(tokens: tokens, cached: position + tokens, blocks) <= Pass.secondsWorthAWakeUp
    }

    /// A guess at the time of a pass, from the memory and arithmetic of an ordinary core.
    private func estimatedSeconds(tokens: Int, cached: Int, _ blocks: Range<Int>) -> Double {
        let weights = blocks.reduce(0) { $0 + self.weightCounts[$1 - self.range.lowerBound] }
        let headWeights = blocks.upperBound == self.configuration.blockCount ? self.head?.product.weightCount ?? 0 : 0
        let count = Double(weights + headWeights)
        let cachedBytes = Double(cached * self.kvBytesPerTokenAndBlock * blocks.count)
        return max((count * 2 + cachedBytes) / 50e9, count * 2 * Double(tokens) / 150e9)
    }
}

/// Some tokens of one step, and the rows of the pass that they take.
struct Portion {
    var run: Int
    var tokens: Range<Int>
    var rows: Range<Int>
}
