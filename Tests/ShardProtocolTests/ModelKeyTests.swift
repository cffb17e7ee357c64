import Testing

@testable import ShardProtocol

@Suite struct ModelKeyTests {
    @Test func `is 16 bytes, written in hex`() throws {
        let key = try ModelKey(bytes: Array(0xf0...0xff))
        #expect(key.description == "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
        #expect(throws: ShardError.self) { try ModelKey(bytes: [1, 2, 3]) }
    }
}
