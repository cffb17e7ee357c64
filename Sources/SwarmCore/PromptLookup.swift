/// Guesses the next tokens of a sequence from what it said before: where its last tokens stood once already, what followed
/// them there may follow again (prompt-lookup decoding). Costs no model, and is right often where text is quoted, edited or
/// repeated.
package enum PromptLookup {
    /// The most tokens at the end that are looked for, and the fewest that make a guess worth a try.
    private static let longestMatch = 4
    private static let shortestMatch = 2

    /// The tokens after the last place where the longest end of `tokens` stood before; at most `count`, none without such a
    /// place.
    package static func guess(after tokens: [UInt32], atMost count: Int) -> ArraySlice<UInt32> {
        guard count > 0, let last = tokens.last else { return [] }
        var best = (length: Self.shortestMatch - 1, end: 0)
        // From the back: what is near says more of what comes.
        for end in stride(from: tokens.count - 2, through: Self.shortestMatch - 1, by: -1) where tokens[end] == last {
            let length = Self.matchLength(tokens, end)
            if length > best.length { best = (length, end) }
            if length == Self.longestMatch { break }
        }
        guard best.length >= Self.shortestMatch else { return [] }
        return tokens[best.end + 1..<min(best.end + 1 + count, tokens.count)]
    }

    /// How many tokens up to `end` are the same as those up to the last.
    private static func matchLength(_ tokens: [UInt32], _ end: Int) -> Int {
        var length = 1
        while length < Self.longestMatch, end >= length, tokens[end - length] == tokens[tokens.count - 1 - length] {
            length += 1
        }
        return length
    }
}
