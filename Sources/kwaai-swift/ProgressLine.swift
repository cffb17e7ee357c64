import Synchronization

/// One line on stderr that shows how far something has come.
///
/// In a terminal it redraws itself; otherwise it prints a plain line at each quarter, so that logs stay readable.
struct ProgressLine {
    private let label: String
    private let delay: Duration
    private var start: ContinuousClock.Instant?
    private var lastPercent = -1

    /// - Parameter delay: what ends sooner after its first update shows nothing.
    init(_ label: String, after delay: Duration = .zero) {
        self.label = label
        self.delay = delay
    }

    /// - Parameter fraction: from 0 to 1; at 1 the line ends.
    mutating func update(_ fraction: Double, now: ContinuousClock.Instant = .now) {
        let start = self.start ?? now
        self.start = start
        let percent = Int((min(max(fraction, 0), 1) * 100).rounded(.down))
        guard percent != self.lastPercent else { return }
        let isShown = self.lastPercent >= 0
        guard isShown || now - start >= self.delay else { return }
        if Terminal.isInteractive {
            self.draw(percent)
        } else if percent / 25 > self.lastPercent / 25 || !isShown {
            Terminal.say("\(self.label) \(percent)%")
        }
        self.lastPercent = percent
    }

    /// Ends a line that is shown, wherever it stands.
    mutating func end() {
        if self.lastPercent >= 0 { self.update(1) }
    }

    private func draw(_ percent: Int) {
        let width = 30
        let filled = percent * width / 100
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        Terminal.draw("\(self.label) \(bar) \(percent)%", isLast: percent == 100)
    }
}

/// The progress of loading weights, which comes from the thread that loads them; shown when it takes a moment.
final class LoadingLine: Sendable {
    private let line = Mutex(ProgressLine("Loading", after: .milliseconds(500)))

    func update(_ fraction: Double) {
        self.line.withLock { $0.update(fraction) }
    }
}
