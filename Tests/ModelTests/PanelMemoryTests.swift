import Testing

@testable import Model

@Suite struct PanelMemoryTests {
    @Test func `gives room that is aligned and belongs to one taker, also beyond a piece`() throws {
        let memory = PanelMemory()
        var taken: [Range<Int>] = []
        for size in [1, 64, 65, 4000, 70 << 20, 63 << 20, 8 << 20, 3] {
            let start = Int(bitPattern: try memory.take(size))
            #expect(start.isMultiple(of: 64))
            let range = start..<start + size
            #expect(taken.allSatisfy { !$0.overlaps(range) })
            taken.append(range)
            UnsafeMutableRawPointer(bitPattern: range.upperBound - 1)?.storeBytes(of: 7, as: UInt8.self)
        }
    }

    @Test func `says so where there is no memory`() {
        let error = modelError { _ = try PanelMemory().take(1 << 60) }
        #expect(error?.code == .outOfMemory)
    }
}
