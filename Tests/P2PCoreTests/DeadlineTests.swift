import Testing

@testable import P2PCore

@Suite struct DeadlineTests {
    @Test func `hands over what was ready in time`() async throws {
        let value = try await withDeadline(.seconds(60), "a sum") { () async throws(P2PError) in 1 + 1 }
        #expect(value == 2)
    }

    @Test func `cancels what takes too long, and says what it was`() async {
        await #expect {
            try await withDeadline(.milliseconds(1), "an endless wait") { () async throws(P2PError) in
                while !Task.isCancelled { await Task.yield() }
            }
        } throws: { error in
            (error as? P2PError)?.code == .timedOut && "\(error)".contains("an endless wait")
        }
    }

    @Test func `passes on the error of the work`() async {
        await #expect(throws: P2PError(.closed, "x")) {
            try await withDeadline(.seconds(60), "work") { () async throws(P2PError) in throw P2PError(.closed, "x") }
        }
    }
}
