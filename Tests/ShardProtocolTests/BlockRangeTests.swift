import Testing

@testable import ShardProtocol

@Suite struct BlockRangeTests {
    @Test func `reads what it prints`() throws {
        let range = try BlockRange("0..12")
        #expect(range.indices == 0..<12)
        #expect(range.description == "0..12")
        #expect(range.count == 12)
    }

    @Test(arguments: [
        "", "0", "0.12", "0...12", "12..12", "12..0", "-1..3", "+1..3", "0..x", "0..99999999999999999999", "0..1025",
    ])
    func `refuses what is no range and says what is`(text: String) {
        #expect {
            try BlockRange(text)
        } throws: { error in
            (error as? ShardError).map { $0.code == .invalidArgument && $0.message.contains("0..12") } ?? false
        }
    }

    @Test func `takes as many blocks as the bound allows`() throws {
        #expect(try BlockRange("0..1024").count == Limits.blocks)
    }

    @Test func `reads as a phrase`() throws {
        #expect(try BlockRange("0..12").phrase(of: 24) == "blocks 0–11 (12 of 24)")
        #expect(try BlockRange("3..4").phrase(of: 24) == "block 3 (1 of 24)")
    }

    @Test func `knows what it holds`() throws {
        let range = try BlockRange(4, 9)
        #expect(range.contains(try BlockRange(4, 9)))
        #expect(!range.contains(try BlockRange(3, 5)))
        #expect(range.overlaps(try BlockRange(8, 20)))
        #expect(!range.overlaps(try BlockRange(9, 20)))
    }
}
