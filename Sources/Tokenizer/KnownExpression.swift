/// Expressions that many tokenizers share, matched by hand where the text is ASCII.
///
/// A step knows what stands at a place or leaves it to Oniguruma: so a character beyond ASCII means what it means there, and
/// the matches are the same. A search by Oniguruma costs some hundred instructions before it looks at the first byte, and
/// words are short.
enum KnownExpression: Sendable {
    /// GPT-2's. Files of GGUF leave out its last alternative, space before something else.
    case gpt2(matchesAllSpace: Bool)
    /// `[0-9][0-9][0-9]`
    case threeDigits

    /// What stands at a place of a text.
    enum Finding: Equatable {
        case match(end: Int)
        /// No match begins there.
        case nothing
        /// What follows is beyond ASCII.
        case unknown
    }

    static let gpt2ExpressionWithoutSpace = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"#
    static let gpt2Expression = gpt2ExpressionWithoutSpace + #"|\s+"#

    init?(_ expression: [UInt8]) {
        switch String(decoding: expression, as: UTF8.self) {
        case Self.gpt2Expression: self = .gpt2(matchesAllSpace: true)
        case Self.gpt2ExpressionWithoutSpace: self = .gpt2(matchesAllSpace: false)
        case "[0-9][0-9][0-9]": self = .threeDigits
        case _: return nil
        }
    }

    /// - Parameter start: a place before the text's end.
    func find(in text: UnsafeBufferPointer<UInt8>, at start: Int) -> Finding {
        switch self {
        case .threeDigits:
            let end = start + 3
            guard end <= text.count else { return .nothing }
            return (start..<end).allSatisfy { Kind(text[$0]) == .digit } ? .match(end: end) : .nothing
        case .gpt2(let matchesAllSpace):
            if let end = text.endOfContraction(at: start) { return .match(end: end) }
            let first = text[start] == UInt8(ascii: " ") && start + 1 < text.count ? start + 1 : start
            switch Kind(text[first]) {
            case .beyond: return .unknown
            case .letter, .digit, .mark: return text.endOfRun(from: first).map { .match(end: $0) } ?? .unknown
            case .space:
                guard let end = text.endOfRun(from: start) else { return .unknown }
                // Space before something else leaves its last character to that.
                if end == text.count { return .match(end: end) }
                if end - 1 > start { return .match(end: end - 1) }
                return matchesAllSpace ? .match(end: end) : .nothing
            }
        }
    }

    /// What the expressions tell apart.
    fileprivate enum Kind: UInt8 {
        case letter
        case digit
        case space
        case mark
        case beyond

        init(_ byte: UInt8) {
            self =
                switch byte {
                case 0x41...0x5A, 0x61...0x7A: .letter
                case 0x30...0x39: .digit
                case 0x20, 0x09...0x0D: .space
                case 0x80...: .beyond
                case _: .mark
                }
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Where the characters end that are of one kind with the first; nil where one beyond ASCII may be of that kind too.
    fileprivate func endOfRun(from start: Int) -> Int? {
        let kind = KnownExpression.Kind(self[start])
        var end = start + 1
        while end < count {
            let next = KnownExpression.Kind(self[end])
            if next == .beyond { return nil }
            guard next == kind else { return end }
            end += 1
        }
        return end
    }

    /// Where `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` ends.
    fileprivate func endOfContraction(at start: Int) -> Int? {
        guard self[start] == UInt8(ascii: "'"), start + 1 < count else { return nil }
        switch self[start + 1] {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
        case let first:
            guard start + 2 < count else { return nil }
            switch (first, self[start + 2]) {
            case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
                (UInt8(ascii: "l"), UInt8(ascii: "l")):
                return start + 3
            case _: return nil
            }
        }
    }
}
