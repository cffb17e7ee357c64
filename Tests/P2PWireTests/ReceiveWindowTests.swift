import NIOCore
import Testing

@testable import P2PWire

@Suite struct ReceiveWindowTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `grants credit once half the window has been consumed`() throws {
        var window = ReceiveWindow()
        var budget = WindowBudget()
        try window.received(262_144)
        let first = window.consumed(131_071, at: self.start, roundTrip: nil, budget: &budget)
        let second = window.consumed(1, at: self.start, roundTrip: nil, budget: &budget)
        #expect(first == nil)
        #expect(second == 131_072)
    }

    @Test func `unread bytes are not granted again`() throws {
        var window = ReceiveWindow()
        var budget = WindowBudget()
        try window.received(262_144)
        _ = window.consumed(131_072, at: self.start, roundTrip: nil, budget: &budget)
        try window.received(131_072)
        #expect(throws: WireError.self) { try window.received(1) }
    }

    @Test func `a remote that overruns its window ends the session`() {
        var window = ReceiveWindow()
        #expect(throws: WireError.self) { try window.received(262_145) }
    }

    @Test func `doubles up to 1 MiB while half a window lasts less than eight round trips`() throws {
        var window = ReceiveWindow()
        var budget = WindowBudget()
        var now = self.start
        for _ in 0..<10 {
            let size = window.size
            try window.received(size / 2)
            _ = window.consumed(Int(size / 2), at: now, roundTrip: .milliseconds(10), budget: &budget)
            now = now + .milliseconds(79)
        }
        #expect(window.size == 1024 * 1024)
    }

    @Test func `doubles up to 16 MiB while half a window lasts less than two round trips`() throws {
        var window = ReceiveWindow()
        var budget = WindowBudget()
        var now = self.start
        for _ in 0..<10 {
            let size = window.size
            try window.received(size / 2)
            _ = window.consumed(Int(size / 2), at: now, roundTrip: .milliseconds(10), budget: &budget)
            now = now + .milliseconds(19)
        }
        #expect(window.size == 16 * 1024 * 1024)
    }

    /// A path of 3 ms that carries 500 MB/s holds 1.5 MB.
    @Test func `grows until the path is full four times over, and no further`() throws {
        var window = ReceiveWindow()
        var budget = WindowBudget()
        var now = self.start
        for _ in 0..<60 {
            let half = window.size / 2
            let bytesPerSecond = min(500e6, Double(window.size) / 0.003)
            now = now + .nanoseconds(Int64(Double(half) / bytesPerSecond * 1e9))
            try window.received(half)
            _ = window.consumed(Int(half), at: now, roundTrip: .milliseconds(3), budget: &budget)
        }
        #expect(window.size == 8 * 1024 * 1024)
    }

    @Test func `stays small for a slow stream`() throws {
        var window = ReceiveWindow()
        var budget = WindowBudget()
        var now = self.start
        for _ in 0..<10 {
            try window.received(131_072)
            _ = window.consumed(131_072, at: now, roundTrip: .milliseconds(10), budget: &budget)
            now = now + .milliseconds(80)
        }
        #expect(window.size == Limits.initialWindow)
    }

    @Test func `all windows of a connection grow out of one budget`() throws {
        var budget = WindowBudget(300_000)
        var windows = [ReceiveWindow(), ReceiveWindow()]
        for round in 0..<3 {
            for index in windows.indices {
                let half = windows[index].size / 2
                try windows[index].received(half)
                let now = self.start + .nanoseconds(Int64(round))
                _ = windows[index].consumed(Int(half), at: now, roundTrip: .seconds(1), budget: &budget)
            }
        }
        #expect(windows.map(\.size).reduce(0, +) == 2 * Limits.initialWindow + 300_000)
    }
}
