/// Watches streamed text for stop strings and holds back what may be the beginning of one.
///
/// Text goes in as it is decoded; what comes out is safe to show: a stop string never appears, not even in part.
package struct StopMatcher: Sendable {
    package struct Output: Equatable, Sendable {
        /// Text that can be shown now.
        package var text: String
        /// Whether a stop string has been met; nothing comes after it.
        package var stopped: Bool
    }

    /// As UTF-8: a stop string may begin inside what Swift counts as one character.
    private let stops: [[UInt8]]
    private var held: [UInt8] = []

    package init(stops: [String]) {
        self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
    }

    package mutating func append(_ text: String) -> Output {
        guard !self.stops.isEmpty else { return Output(text: text, stopped: false) }
        self.held += Array(text.utf8)
        if let end = self.firstMatch() {
            let shown = String(decoding: self.held[..<end], as: UTF8.self)
            self.held = []
            return Output(text: shown, stopped: true)
        }
        let shown = self.held.count - self.longestPartialMatch()
        defer { self.held.removeFirst(shown) }
        return Output(text: String(decoding: self.held[..<shown], as: UTF8.self), stopped: false)
    }

    /// What was held back, when the generation ended for another reason.
    package mutating func finish() -> String {
        defer { self.held = [] }
        return String(decoding: self.held, as: UTF8.self)
    }

    /// Where the earliest stop string begins.
    private func firstMatch() -> Int? {
        self.held.indices.first { start in
            self.stops.contains { self.held[start...].starts(with: $0) }
        }
    }

    /// How many bytes at the end may be the beginning of a stop string.
    private func longestPartialMatch() -> Int {
        let longest = (self.stops.map(\.count).max() ?? 1) - 1
        return (0...min(longest, self.held.count)).reversed().first { count in
            self.stops.contains { $0.starts(with: self.held.suffix(count)) }
        } ?? 0
    }
}
