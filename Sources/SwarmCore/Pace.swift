/// How fast passes have been, as moving averages.
struct Pace: Sendable {
    /// Seconds for a row in one block, of all passes and of those with many rows; nil before the first.
    private var each: Double?
    private var ofMany: Double?

    /// How much one pass counts: about the last five decide.
    private static let weight = 0.2

    mutating func measured(rows: Int, blocks: Int, took duration: Duration) {
        guard rows > 0, blocks > 0, duration > .zero else { return }
        let seconds = duration / .seconds(1) / Double(rows * blocks)
        self.each = Self.average(self.each, seconds)
        if rows >= Limits.smallestPortion { self.ofMany = Self.average(self.ofMany, seconds) }
    }

    /// - Parameter work: the sum of rows × blocks.
    func time(of work: Int) -> Duration { .seconds((self.each ?? 0) * Double(work)) }

    /// How many rows pass through so many blocks in a time, in whole portions; nil where nothing was measured.
    func rows(in duration: Duration, blocks: Int) -> Int? {
        guard let seconds = self.ofMany else { return nil }
        let portions = duration / .seconds(1) / (seconds * Double(blocks * Limits.smallestPortion))
        // Compared before it becomes an integer: a pass so short that its clock hardly moved allows any number.
        return Int(min(portions, Double(Limits.owedRows))) * Limits.smallestPortion
    }

    private static func average(_ before: Double?, _ seconds: Double) -> Double {
        before.map { $0 + (seconds - $0) * Self.weight } ?? seconds
    }
}
