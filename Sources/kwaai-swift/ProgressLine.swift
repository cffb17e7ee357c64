import Foundation

/// One line on stderr that shows how far something has come.
///
/// In a terminal it redraws itself; otherwise it prints a plain line at each quarter, so that logs stay readable.
struct ProgressLine {
    private let label: String
    private var lastPercent = -1

    init(_ label: String) {
        self.label = label
    }

    /// - Parameter fraction: from 0 to 1; at 1 the line ends.
    mutating func update(_ fraction: Double) {
        let percent = Int((min(max(fraction, 0), 1) * 100).rounded(.down))
        guard percent != self.lastPercent else { return }
        if Terminal.isInteractive {
            self.draw(percent)
        } else if percent / 25 > self.lastPercent / 25 || self.lastPercent < 0 {
            Terminal.say("\(self.label) \(percent)%")
        }
        self.lastPercent = percent
    }

    private func draw(_ percent: Int) {
        let width = 30
        let filled = percent * width / 100
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let end = percent == 100 ? "\n" : ""
        FileHandle.standardError.write(Data("\r\(self.label) \(bar) \(percent)%\(end)".utf8))
    }
}
