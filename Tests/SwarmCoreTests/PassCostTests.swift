import Testing

@testable import SwarmCore

@Suite struct PassCostTests {
    /// Passes through two blocks, of so many rows each.
    private func cost(
        of rows: some Sequence<Int>,
        took: (Int) -> Duration,
        processing: Double = 1
    ) -> PassCost {
        var cost = PassCost()
        for rows in rows {
            let duration = took(rows)
            cost.passed(.init(rows: rows, blocks: 2, duration: duration, processing: duration * processing))
        }
        return cost
    }

    private func milliseconds(_ duration: Duration?) -> Double { (duration ?? .zero) / .milliseconds(1) }

    @Test func `nothing is known before the first pass`() {
        #expect(PassCost().reading(blocks: 1) == nil)
        #expect(PassCost().contention == 1)
    }

    @Test func `until sizes vary, a row costs an eighth of reading`() {
        let cost = self.cost(of: Array(repeating: 4, count: 50)) { _ in .milliseconds(12) }
        #expect(abs(self.milliseconds(cost.reading(blocks: 2)) - 8) < 0.01)
        #expect(abs(self.milliseconds(cost.row(blocks: 2)) - 1) < 0.01)
        #expect(abs(self.milliseconds(cost.reading(blocks: 10)) - 40) < 0.05)
    }

    @Test(arguments: [(10, 0.2), (6, 3), (2, 0)]) func `what sizes tell is believed`(reading: Double, row: Double) {
        let cost = self.cost(of: (0..<100).map { $0 % 2 == 0 ? 1 : 16 }) { .milliseconds(reading + row * Double($0)) }
        #expect(abs(self.milliseconds(cost.reading(blocks: 2)) - reading) < 0.12 * reading)
        #expect(abs(self.milliseconds(cost.row(blocks: 2)) - row) < 0.12 * max(row, reading / 8))
    }

    @Test func `a row costs neither less than nothing nor more than reading`() {
        let falling = self.cost(of: (0..<100).map { $0 % 2 == 0 ? 1 : 9 }) { .milliseconds(20 - $0) }
        #expect(falling.row(blocks: 2) == .zero)
        let steep = self.cost(of: (0..<100).map { $0 % 2 == 0 ? 1 : 9 }) { .milliseconds($0 * $0) }
        #expect(abs(self.milliseconds(steep.row(blocks: 2)) - self.milliseconds(steep.reading(blocks: 2))) < 0.01)
    }

    @Test func `a few passes of more rows are believed too`() {
        let cost = self.cost(of: (0..<200).map { $0 % 8 == 7 ? 16 : 1 }) { .milliseconds(2 + $0) }
        #expect(abs(self.milliseconds(cost.row(blocks: 2)) - 1) < 0.1)
        #expect(abs(self.milliseconds(cost.reading(blocks: 2)) - 2) < 0.5)
    }

    @Test func `passes that multiply for longer than they read say nothing of those that do not`() {
        let cost = self.cost(of: (0..<200).map { [1, 6, 64][$0 % 3] }) { rows in
            rows > 16 ? .milliseconds(rows) : .milliseconds(8 + 0.1 * Double(rows))
        }
        #expect(self.milliseconds(cost.row(blocks: 2)) < 0.5)
        #expect(abs(self.milliseconds(cost.reading(blocks: 2)) - 8) < 1)
    }

    @Test func `a machine that became faster, or read from its disk at first, is believed at once`() {
        let passes = [.seconds(3)] + Array(repeating: Duration.milliseconds(9), count: 3)
        var cost = PassCost()
        for pass in passes { cost.passed(.init(rows: 1, blocks: 2, duration: pass, processing: pass)) }
        #expect(abs(self.milliseconds(cost.reading(blocks: 2)) - 8) < 0.01)
    }

    @Test func `what was measured long ago is forgotten`() {
        var cost = self.cost(of: Array(repeating: 1, count: 100)) { _ in .milliseconds(18) }
        for _ in 0..<100 {
            cost.passed(.init(rows: 1, blocks: 2, duration: .milliseconds(9), processing: .milliseconds(9)))
        }
        #expect(abs(self.milliseconds(cost.reading(blocks: 2)) - 8) < 0.5)
    }

    @Test func `a machine that stood still is forgotten soon`() {
        var cost = self.cost(of: Array(repeating: 4, count: 50)) { _ in .milliseconds(12) }
        cost.passed(.init(rows: 4, blocks: 2, duration: .seconds(60), processing: .zero))
        #expect(self.milliseconds(cost.reading(blocks: 2)) < 9)
        #expect(cost.contention < 1.1)
    }

    @Test func `contention is what passes take for each second of a processor`() {
        let alone = self.cost(of: 1...50) { _ in .milliseconds(5) }
        #expect(abs(alone.contention - 1) < 0.001)
        let shared = self.cost(of: 1...50, took: { _ in .milliseconds(5) }, processing: 0.5)
        #expect(abs(shared.contention - 2) < 0.001)
        // A clock that counts threads together, or none.
        #expect(self.cost(of: 1...50, took: { _ in .milliseconds(5) }, processing: 3).contention == 1)
        #expect(abs(self.cost(of: 1...50, took: { _ in .milliseconds(5) }, processing: 0).contention - 4) < 0.001)
    }

    @Test func `what is no pass changes nothing`() {
        var cost = PassCost()
        cost.passed(.init(rows: 0, blocks: 1, duration: .seconds(1), processing: .seconds(1)))
        cost.passed(.init(rows: 1, blocks: 0, duration: .seconds(1), processing: .seconds(1)))
        cost.passed(.init(rows: 1, blocks: 1, duration: .zero, processing: .zero))
        #expect(cost.reading(blocks: 1) == nil)
        #expect(cost.contention == 1)
    }
}
