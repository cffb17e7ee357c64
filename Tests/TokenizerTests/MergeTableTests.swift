import Testing

@testable import Tokenizer

@Suite struct MergeTableTests {
    @Test func `finds every pair it was given and no other`() {
        var table = MergeTable(capacity: 1000)
        for id in 0..<1000 as Range<UInt32> { table.insert(id, id + 1, .init(rank: id, result: 2 * id)) }
        for id in 0..<1000 as Range<UInt32> {
            #expect(table.merge(of: id, id + 1)?.rank == id)
            #expect(table.merge(of: id, id + 1)?.result == 2 * id)
            #expect(table.merge(of: id + 1, id) == nil)
        }
    }

    @Test func `keeps the first mention of a pair`() {
        var table = MergeTable(capacity: 2)
        table.insert(1, 2, .init(rank: 0, result: 3))
        table.insert(1, 2, .init(rank: 1, result: 4))
        #expect(table.merge(of: 1, 2)?.result == 3)
    }
}
