import Testing

@testable import P2PWire

@Suite struct SendWindowTests {
    @Test func `spends no more than was granted`() {
        var window = SendWindow()
        #expect(window.spend(upTo: 300_000) == 262_144)
        #expect(window.spend(upTo: 1) == 0)
    }

    @Test func `a grant adds to what is left`() throws {
        var window = SendWindow()
        _ = window.spend(upTo: 262_144)
        try window.grant(5)
        #expect(window.spend(upTo: 10) == 5)
    }

    @Test func `credit beyond 32 bits ends the session`() throws {
        var window = SendWindow()
        try window.grant(.max - 262_144)
        #expect(window.credit == .max)
        #expect(throws: WireError.self) { try window.grant(1) }
    }
}
