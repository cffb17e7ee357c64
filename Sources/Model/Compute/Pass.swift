internal import CKernels
internal import Synchronization

/// Some tokens of one or several sequences on their way through the blocks together.
struct Pass {
    /// Tokens of one sequence that follow one another.
    struct Segment {
        /// Which of the pass's rows are its tokens.
        var rows: Range<Int>
        /// The position of the first in its sequence.
        var position: Int
        var cache: KVCache
    }

    let kernels: Kernels
    let routerProbe: LoadedRange.RouterProbe?
    let pool: WorkerPool
    /// Whether there is enough work to wake other threads for.
    let isParallel: Bool
    let rounding: Rounding
    let scratch: Scratch
    let segments: [Segment]
    let tokenCount: Int
    let tally: Tally

    /// `buffer` as one row for each token.
    func rows(_ buffer: FloatBuffer, width: Int) -> Rows {
        Rows(start: buffer.start, count: self.tokenCount, width: width)
    }

    /// Calls `body` with ranges that tile `0..<count`, on several threads where that pays. The ranges begin at
    /// multiples of `grain`, so that register tiles stay whole.
    func split(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
        guard self.isParallel else { return body(0..<count) }
        self.pool.run(count: (count + grain - 1) / grain) { grains in
            body(grains.lowerBound * grain..<min(grains.upperBound * grain, count))
        }
    }

    func count(_ met: kw_rounding) {
        if met.saturated > 0 { self.tally.saturations.add(Int(met.saturated), ordering: .relaxed) }
    }

    /// Rounds some rows to f16 where they stand; false where NaN or infinity is among them.
    func round(_ x: Rows, _ rows: Range<Int>) -> Bool {
        let count = rows.count * x.width
        guard self.rounding == .toHalf else { return true }
        let met = kw_round(self.kernels.table, x[rows.lowerBound], count)
        self.count(met)
        return met.not_finite == 0
    }

    /// Below this a pass stays on the calling thread: waking others costs a quarter of it.
    static let secondsWorthAWakeUp = 200e-6

    /// x += factor · y.
    func add(_ y: Rows, times factor: Float, to x: Rows) {
        self.split(x.count, grain: 1) { tokens in
            kw_add(self.kernels.table, x[tokens.lowerBound], y[tokens.lowerBound], factor, tokens.count * x.width)
        }
    }
}

/// How often a number left the range of f16 and was saturated; a model whose stream does so is worth a warning.
final class Tally: Sendable {
    let saturations = Atomic<Int>(0)
}
