/// What `generate` tells a person on stderr.
struct GenerationLog {
    /// A line about a span that went to other peers.
    struct Recovery {
        var blocks: String
        var from: String
        /// The end of a sentence that begins with the peer's name.
        var reason: String
        var to: String
        /// How long the generation stood still.
        var milliseconds: Double
        /// Tokens that were run again.
        var tokens: Int
    }

    let text: String

    /// The peers of `Chain: 0..8 on ID → 8..16 on ID → …`, which `--stats` tells.
    var hops: [String] {
        let line = self.text.split(separator: "\n").first { $0.hasPrefix("Chain: ") } ?? ""
        return line.split(separator: " → ").compactMap { $0.split(separator: " ").last.map(String.init) }
    }

    /// In order.
    var recoveries: [Recovery] {
        let line = /Blocks ([0-9.]+): ([^ ]+) ([^;]+); (.+) went on after ([0-9.]+) ms, with ([0-9]+) tokens? run again/
        return self.text.matches(of: line).compactMap { match in
            guard let milliseconds = Double(match.5), let tokens = Int(match.6) else { return nil }
            return Recovery(
                blocks: String(match.1),
                from: String(match.2),
                reason: String(match.3),
                to: String(match.4),
                milliseconds: milliseconds,
                tokens: tokens
            )
        }
    }
}
