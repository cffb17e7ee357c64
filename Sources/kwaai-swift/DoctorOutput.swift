import Foundation
import P2PCore

/// Shows checks as they are made, or all of them at the end as JSON.
struct DoctorOutput: Sendable {
    private let json: Bool
    /// Colours are for terminals, and for those who have not asked to be spared (no-color.org).
    private let isColoured: Bool

    init(json: Bool) {
        self.json = json
        let environment = ProcessInfo.processInfo.environment
        self.isColoured =
            Terminal.showsOutput && environment["NO_COLOR", default: ""].isEmpty
            && environment["TERM"] != "dumb"
    }

    func found(_ check: HealthCheck) throws {
        guard !self.json else { return }
        let status = check.status.rawValue.padded(to: 8)
        let mark = self.isColoured ? "\u{1b}[\(check.status.colour)m\(status)\u{1b}[0m" : status
        try Terminal.print("\(mark) \(check.name.padded(to: 13)) \(Self.wrapped(check.finding))")
        if let advice = check.advice {
            try Terminal.print("\("".padded(to: Self.indentation))\(Self.wrapped("→ " + advice))")
        }
    }

    /// Where findings begin.
    private static let indentation = 23

    /// Text that keeps to its column where a terminal would break it at any character.
    private static func wrapped(_ text: String) -> String {
        guard let width = Terminal.width, width > 2 * Self.indentation else { return text }
        var lines = [""]
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            let line = lines[lines.count - 1]
            if line.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if Self.indentation + line.count + 1 + word.count < width {
                lines[lines.count - 1] = line + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines.joined(separator: "\n" + String(repeating: " ", count: Self.indentation))
    }

    func finish(_ checks: [HealthCheck]) throws {
        let count: (HealthCheck.Status) -> Int = { status in checks.count { $0.status == status } }
        if self.json {
            let worst = checks.map(\.status).max() ?? .ok
            try Terminal.print(json: Report(status: worst.rawValue, checks: checks.map(Report.Check.init)))
        } else {
            try Terminal.print("\(count(.ok)) ok, \(count(.warning)) to look at, \(count(.failed)) failed")
        }
    }

    private struct Report: Encodable {
        var status: String
        var checks: [Check]

        struct Check: Encodable {
            var name: String
            var status: String
            var finding: String
            var advice: String?

            init(_ check: HealthCheck) {
                self.name = check.name
                self.status = check.status.rawValue
                self.finding = check.finding
                self.advice = check.advice
            }
        }
    }
}

extension HealthCheck.Status {
    /// Of the text, as terminals number them: green, yellow, red.
    fileprivate var colour: Int {
        switch self {
        case .ok: 32
        case .warning: 33
        case .failed: 31
        }
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - self.count))
    }
}
