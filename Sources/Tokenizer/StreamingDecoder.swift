/// Turns tokens into text as they come, without ever giving out half a character.
///
/// Text is held back while it ends in U+FFFD, that is while bytes of a character may still follow. What is given out is
/// what the text grew by, seen from a window that reaches back to the last token before the held ones: a decoder may treat
/// the first token of a text differently (SentencePiece drops its space), and a window that began at the new token would
/// lose that space.
///
/// The pieces together are the decoded text, with two exceptions that only nonsense meets: where SentencePiece's byte tokens
/// make a character and then bytes that are none, decoding takes the character back, and what is given out cannot be; and a
/// run of U+FFFD that the text itself holds is cut where it fills `Limits.heldTokens`.
public struct StreamingDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    private var window: [UInt32] = []
    /// How many tokens of the window have been given out, and the text that they alone decode to.
    private var givenOut = 0
    private var context: [UInt8] = []

    init(tokenizer: Tokenizer, skipsSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        self.skipsSpecialTokens = skipsSpecialTokens
    }

    /// The text that has become certain with this token; empty while a character is incomplete.
    public mutating func append(_ id: UInt32) -> String {
        // What has no text would lengthen the window for nothing.
        guard tokenizer.hasText(id, skipSpecialTokens: skipsSpecialTokens) else { return "" }
        // Tokens without text before the first text, such as a lone "▁", are given out without anything to show.
        if context.isEmpty, !window.isEmpty {
            let text = decoded(window)
            if !text.endsInReplacement {
                context = text
                givenOut = window.count
            }
        }
        window.append(id)
        let text = decoded(window)
        let mayGrow = text.endsInReplacement && window.count - givenOut < Limits.heldTokens
        guard text.count > context.count, !mayGrow else { return "" }
        return giveOut(text)
    }

    /// The rest: what was held back because its character never became complete.
    public mutating func finish() -> String {
        let text = decoded(window)
        defer { (window, givenOut, context) = ([], 0, []) }
        return text.count > context.count ? giveOut(text) : ""
    }

    private mutating func giveOut(_ text: [UInt8]) -> String {
        let fresh = text.dropFirst(text.commonPrefix(with: context))
        window.removeFirst(givenOut)
        givenOut = window.count
        context = decoded(window)
        return String(decoding: fresh, as: UTF8.self)
    }

    private func decoded(_ ids: [UInt32]) -> [UInt8] {
        tokenizer.decodedBytes(ids, skipSpecialTokens: skipsSpecialTokens)
    }
}

extension [UInt8] {
    fileprivate var endsInReplacement: Bool { suffix(3).elementsEqual("\u{FFFD}".utf8) }

    /// Bytes that two texts have in common at their start, up to a whole character.
    fileprivate func commonPrefix(with other: [UInt8]) -> Int {
        var count = zip(self, other).prefix { $0 == $1 }.count
        while count > 0, count < self.count, self[count] & 0xC0 == 0x80 { count -= 1 }
        return count
    }
}
