import Testing

@testable import ShardProtocol

@Suite struct SessionTests {
    @Test func `a session id prints all its digits`() {
        #expect(SessionID(rawValue: 0x2a).description == "000000000000002a")
    }

    @Test func `session ids are drawn from the generator`() {
        var generator = SeededGenerator(seed: 1)
        let first = SessionID.random(using: &generator)
        #expect(first != SessionID.random(using: &generator))
        generator = SeededGenerator(seed: 1)
        #expect(first == SessionID.random(using: &generator))
    }

    @Test func `positions are ordered`() {
        #expect(SequencePosition.start < SequencePosition(rawValue: 1))
    }
}
