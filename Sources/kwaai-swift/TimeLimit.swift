import ArgumentParser
import P2PCore

/// How long a command may look.
struct TimeLimit: ParsableArguments {
    @Option(help: ArgumentHelp("End after this time with what has been found until then.", valueName: "seconds"))
    var timeout = Seconds(20)

    /// Runs `body`. When the time is over it is cancelled, and what it returns then counts.
    ///
    /// - Throws: What `body` throws in time, and ``TimeIsOver`` where it throws because it was cancelled.
    func limiting<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let limit = self.timeout
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await pause(for: limit.duration)
                return nil
            }
            defer { group.cancelAll() }
            if let result = try await group.next() ?? nil { return result }
            Terminal.say("\(limit) are over; this is what has been found")
            group.cancelAll()
            do {
                if let result = try await group.next() ?? nil { return result }
            } catch {
                // What it says now is only that it was cancelled.
            }
            throw TimeIsOver(limit: limit)
        }
    }
}

/// Seconds as a person writes them: `20`, or `0.5`.
struct Seconds: ExpressibleByArgument, CustomStringConvertible, Sendable {
    let count: Double

    /// A day: nobody waits longer for a command.
    private static let maximum = 86_400.0

    init(_ count: Double) {
        self.count = count
    }

    init?(argument: String) {
        guard let count = Double(argument), count > 0, count <= Self.maximum else { return nil }
        self.count = count
    }

    var duration: Duration { .seconds(self.count) }

    var defaultValueDescription: String { self.count.formatted() }
    var description: String { "\(self.count.formatted()) seconds" }
}

extension Double {
    /// Without a fraction that says nothing.
    fileprivate func formatted() -> String {
        self == self.rounded() ? "\(Int(self))" : "\(self)"
    }
}

/// Nothing has been found in time.
struct TimeIsOver: Error, CustomStringConvertible {
    let limit: Seconds

    var description: String {
        "nothing was found in \(self.limit): give it more with --timeout, or name another peer with --bootstrap"
    }
}
