import Testing

@testable import P2PCore

@Suite struct PauseTests {
    @Test func `ends after its time`() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        try await pause(for: .milliseconds(3))
        #expect(clock.now - start >= .milliseconds(3))
    }

    @Test func `ends when its task is cancelled`() async {
        let waiting = Task { try await pause(for: .seconds(3600)) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func `does not begin in a cancelled task`() async {
        let waiting = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await pause(for: .seconds(3600))
        }
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func `loses no end of many that are cancelled as they begin`() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2000 { group.addTask { try? await pause(for: .seconds(3600)) } }
            group.cancelAll()
        }
    }
}
