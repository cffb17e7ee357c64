import ShardProtocol
import Testing

@testable import SwarmSimulation

@Suite struct ToyModelTests {
    private let model = ToyModel(blockCount: 6)

    /// What a model gives for rows that go through two spans, in steps that end at these tokens.
    private func rows(_ rows: [UInt64], cutAt cuts: [Int]) throws -> [UInt64] {
        var first = ToyModel.Cache(try BlockRange(0, 2))
        var second = ToyModel.Cache(try BlockRange(2, 6))
        var given: [UInt64] = []
        var begin = 0
        for end in cuts + [rows.count] {
            given += self.model.run(self.model.run(rows[begin..<end], &first), &second)
            begin = end
        }
        return given
    }

    @Test func `no cut into steps or spans changes a number`() throws {
        let rows = (0..<10).map { ToyModel.row($0) }
        var whole = ToyModel.Cache(try BlockRange(0, 6))
        let expected = self.model.run(rows, &whole)
        #expect(try self.rows(rows, cutAt: []) == expected)
        #expect(try self.rows(rows, cutAt: [1, 2, 7]) == expected)
    }

    @Test func `what is lost, repeated or out of order changes every later number`() throws {
        let rows = (0..<10).map { ToyModel.row($0) }
        let expected = try self.rows(rows, cutAt: [])
        for changed in [
            Array(rows[..<3] + rows[4...]), Array(rows[..<4] + rows[3...]),
            rows[..<3] + [rows[4], rows[3]] + rows[5...],
        ] {
            let given = try self.rows(changed, cutAt: [])
            #expect(given.prefix(3) == expected.prefix(3))
            #expect(Set(given.dropFirst(4)).isDisjoint(with: expected))
        }
    }

    @Test func `what is taken back leaves no trace`() throws {
        let rows = (0..<6).map { ToyModel.row($0) }
        var cache = ToyModel.Cache(try BlockRange(0, 6))
        let expected = self.model.run(rows, &cache)
        cache.truncate(to: 3)
        _ = self.model.run([7, 8], &cache)
        cache.truncate(to: 3)
        #expect(self.model.run(rows[3...], &cache) == Array(expected[3...]))
    }
}
