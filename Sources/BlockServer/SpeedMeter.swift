/// How fast decode steps get through blocks, as a moving average.
///
/// Steps of many tokens share one pass over the weights and would promise too much.
struct SpeedMeter: Sendable {
    /// Blocks that one token gets through in a second; 0 before the first measurement.
    private(set) var blocksPerSecond = 0.0

    /// How much one step counts: about the last twenty decide.
    private static let weight = 0.05

    mutating func measured(blocks: Int, tokens: Int, took duration: Duration) {
        let seconds = duration / .seconds(1)
        guard tokens == 1, blocks > 0, seconds > 0 else { return }
        let speed = Double(blocks) / seconds
        let isFirst = self.blocksPerSecond == 0
        self.blocksPerSecond += isFirst ? speed : (speed - self.blocksPerSecond) * Self.weight
    }
}
