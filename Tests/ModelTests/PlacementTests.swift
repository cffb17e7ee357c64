import Testing

@testable import Model

struct PlacementTests {
    private func need(_ model: ModelDirectory, _ range: Range<Int>) throws -> Int {
        try model.memoryNeed(of: range, kvMemory: .oneSession).total
    }

    @Test func `machines take blocks in order until none is left`() throws {
        let model = try TinyModel().embedded()
        let memories = try [self.need(model, 0..<2), self.need(model, 2..<6), 1 << 40]
        let placement = try Placement(of: model, over: memories, kvMemory: .oneSession)
        #expect(placement.machines.map(\.range) == [0..<2, 2..<6, nil])
        #expect(placement.machines.map(\.memory) == memories)
        #expect(placement.machines[1].need?.total == memories[1])
        #expect(placement.missing == nil)
    }

    @Test func `what found no room is named, and a machine that is too small is passed over`() throws {
        let model = try TinyModel().embedded()
        let memories = try [1, self.need(model, 0..<4)]
        let placement = try Placement(of: model, over: memories, kvMemory: .oneSession)
        #expect(placement.machines.map(\.range) == [nil, 0..<4])
        #expect(placement.missing == 4..<6)
    }
}
