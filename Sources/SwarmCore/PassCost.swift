/// What passes that only decode have cost of late: reading the weights, and so much for each row. Of few rows, since many
/// take as long as it takes to multiply, on a steeper line.
///
/// How many rows take as long as reading depends on the machine: eight where loops multiply number by number, fifty where
/// vector units wait for the memory. So it is a line through the passes seen, by least squares; as far as these differ little
/// in size, its slope is that of ``Limits/rowsOfReading``.
struct PassCost: Sendable {
    /// One pass.
    struct Sample: Sendable {
        var rows: Int
        var blocks: Int
        /// From its begin to its end.
        var duration: Duration
        /// For how long of that its thread had a processor.
        var processing: Duration
    }

    /// Of one block, in seconds: the means of durations, of rows, of their squares and of the products of both.
    private var duration = 0.0
    private var rows = 0.0
    private var squares = 0.0
    private var products = 0.0
    private var count = 0.0
    /// What passes take, for each second that their threads have a processor: 1 where nobody else wants it, and little more
    /// where threads wait for each other now and then.
    private(set) var contention = 1.0

    /// About so many passes of late decide.
    private static let memory = 32.0
    /// The variance of rows at which their cost comes from the passes as much as from what is usual.
    private static let usualVariance = 4.0
    /// No pass counts as one that takes longer than so many times what was to be expected: a machine that stood still says
    /// nothing. One that takes so much less says that everything before stood still, such as the first, which reads from disk.
    private static let outlier = 4.0
    /// No contention counts as more.
    private static let mostContention = 4.0

    mutating func passed(_ sample: Sample) {
        guard sample.blocks > 0, sample.duration > .zero else { return }
        guard (1...Limits.measuredRows).contains(sample.rows) else { return }
        let rows = Double(sample.rows)
        var seconds = sample.duration / .seconds(1) / Double(sample.blocks)
        if self.count > 0 {
            let expected = self.duration + self.slope * (rows - self.rows)
            if seconds * Self.outlier < expected { self = PassCost() }
            seconds = self.count > 0 ? min(seconds, expected * Self.outlier) : seconds
        }
        self.count = min(self.count + 1, Self.memory)
        let weight = 1 / self.count
        self.duration += (seconds - self.duration) * weight
        self.rows += (rows - self.rows) * weight
        self.squares += (rows * rows - self.squares) * weight
        self.products += (rows * seconds - self.products) * weight
        let processing = max(sample.processing, sample.duration / Self.mostContention)
        self.contention += (max(sample.duration / processing, 1) - self.contention) * weight
    }

    /// Seconds that each row adds in one block.
    private var slope: Double {
        let usual = self.duration / (self.rows + Double(Limits.rowsOfReading))
        let variance = max(self.squares - self.rows * self.rows, 0)
        let covariance = self.products - self.rows * self.duration
        let slope = (covariance + usual * Self.usualVariance) / (variance + Self.usualVariance)
        // Neither less than nothing nor more than reading costs, whatever happened to differ beside the rows.
        return min(max(slope, 0), self.duration / (self.rows + 1))
    }

    /// What reading the weights of so many blocks takes; nil before the first pass.
    func reading(blocks: Int) -> Duration? {
        guard self.count > 0 else { return nil }
        return .seconds((self.duration - self.slope * self.rows) * Double(blocks))
    }

    /// What each row adds to a pass through so many blocks.
    func row(blocks: Int) -> Duration { .seconds(self.slope * Double(blocks)) }
}
