import Testing

@testable import Tokenizer

@Suite struct KnownExpressionTests {
    private static let expressions = [
        KnownExpression.gpt2Expression, KnownExpression.gpt2ExpressionWithoutSpace, "[0-9][0-9][0-9]",
    ]

    private static func matches(_ pattern: Pattern, _ text: [UInt8]) throws -> [Range<Int>] {
        var matches: [Range<Int>] = []
        try text.withBytes { bytes throws(TokenizerError) in try pattern.forEachMatch(in: bytes) { matches.append($0) }
        }
        return matches
    }

    @Test(arguments: expressions)
    func `what is matched by hand is what Oniguruma matches`(expression: String) throws {
        let bytes = Array(expression.utf8)
        let known = try #require(KnownExpression(bytes))
        let byHand = try Pattern(bytes, known: known)
        let reference = try Pattern(bytes, known: nil)
        var texts: [[UInt8]] = []
        for first in UInt8(0)..<0x80 { for second in UInt8(0)..<0x80 { texts.append([first, second]) } }
        let parts = [
            "'", "s", "re", "ve", "ll", "l", "d", "m", "t", "a", "Z", "0", "123", " ", "  ", "\n", "\t", "\u{B}",
            "\u{1C}", "!",
            "é", "\u{301}", "½", "\u{A0}", "\u{85}", "日", "😀", "_", "$",
        ]
        var numbers = SeededNumbers(seed: 8)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...8, using: &numbers)
            let text = (0..<count).compactMap { _ in parts.randomElement(using: &numbers) }.joined()
            texts.append(Array(text.utf8))
        }
        for _ in 0..<2000 { texts.append(Array(numbers.text().utf8)) }
        for text in texts {
            let expected = try Self.matches(reference, text)
            let found = try Self.matches(byHand, text)
            #expect(found == expected, "\(String(decoding: text, as: UTF8.self).debugDescription)")
        }
    }

    @Test(arguments: expressions)
    func `nothing of ASCII is left to Oniguruma`(expression: String) throws {
        let known = try #require(KnownExpression(Array(expression.utf8)))
        let text = Array("I'm 1234 'll 've\t\n  it's $5.00 x".utf8)
        try text.withBytes { bytes throws(TokenizerError) in
            for start in bytes.indices { #expect(known.find(in: bytes, at: start) != .unknown) }
        }
    }

    @Test func `other expressions are Oniguruma's`() {
        #expect(KnownExpression(Array(#"\s+"#.utf8)) == nil)
    }
}
