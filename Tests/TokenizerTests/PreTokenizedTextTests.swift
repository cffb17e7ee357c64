import Testing

@testable import Tokenizer

@Suite struct PreTokenizedTextTests {
    @Test(arguments: [
        (SplitBehavior.removed, ["the", "final", "countdown"]),
        (.isolated, ["the", "-", "final", "-", "-", "countdown"]),
        (.mergedWithPrevious, ["the-", "final-", "-", "countdown"]),
        (.mergedWithNext, ["the", "-final", "-", "-countdown"]),
        (.contiguous, ["the", "-", "final", "--", "countdown"]),
    ])
    func `treats matches as the behavior says`(behavior: SplitBehavior, expected: [String]) throws {
        #expect(try pieces(of: "the-final--countdown", behavior) == expected)
    }

    @Test func `an inverted split cuts out what does not match`() throws {
        #expect(try pieces(of: "a-b", .removed, invert: true) == ["-"])
    }

    @Test func `splits every piece on its own`() throws {
        var text = PreTokenizedText(Array("a-b c-d".utf8), startsInput: true)
        try text.split(.removed, Needle.literal([0x20]).forEachMatch)
        try text.split(.isolated, Needle.literal([0x2D]).forEachMatch)
        #expect(strings(text) == ["a", "-", "b", "c", "-", "d"])
    }

    @Test func `rewriting keeps the pieces apart`() throws {
        var text = PreTokenizedText(Array("a b".utf8), startsInput: true)
        try text.split(.removed, Needle.literal([0x20]).forEachMatch)
        try text.rewrite { piece, index, written in written += Array(piece) + Array("\(index)".utf8) }
        #expect(strings(text) == ["a0", "b1"])
    }

    private func pieces(of text: String, _ behavior: SplitBehavior, invert: Bool = false) throws -> [String] {
        var text = PreTokenizedText(Array(text.utf8), startsInput: true)
        try text.split(behavior, invert: invert, Needle.literal(Array("-".utf8)).forEachMatch)
        return strings(text)
    }

    private func strings(_ text: PreTokenizedText) -> [String] {
        text.pieces.map { String(decoding: text.bytes[$0], as: UTF8.self) }
    }
}
