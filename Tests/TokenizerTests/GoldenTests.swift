import Testing

@testable import Tokenizer

@Suite struct GoldenTests {
    @Test(arguments: TestData.seeded)
    func `a tokenizer of our own agrees with Hugging Face's on every text`(name: String) throws {
        try check(name, in: TestData.fixtures)
    }

    @Test(
        .enabled(if: TestData.shared != nil, "needs the tokenizers of real models in ../shared/testdata"),
        arguments: TestData.real
    )
    func `a real model's tokenizer agrees with Hugging Face's on every text`(name: String) throws {
        try check(name, in: #require(TestData.shared))
    }

    private func check(_ name: String, in root: String) throws {
        let tokenizer = try Tokenizer(directory: "\(root)/tokenizers/\(name)")
        for golden in try Golden.all(of: name, in: root) {
            let text = golden.text
            #expect(
                try tokenizer.encode(text, addSpecialTokens: false) == golden.ids,
                "ids of \(text.debugDescription)"
            )
            #expect(
                try tokenizer.encode(text, addSpecialTokens: true) == golden.idsWithSpecials,
                "ids with specials of \(text.debugDescription)"
            )
            let decoded = tokenizer.decode(golden.ids, skipSpecialTokens: false)
            #expect(Array(decoded.utf8) == Array(golden.decoded.utf8), "text of \(text.debugDescription)")
            let plain = tokenizer.decode(golden.ids, skipSpecialTokens: true)
            #expect(
                Array(plain.utf8) == Array(golden.decodedWithoutSpecials.utf8),
                "text without specials of \(text.debugDescription)"
            )
            var stream = tokenizer.streamingDecoder(skipSpecialTokens: false)
            let deltas = golden.ids.map { Array(stream.append($0).utf8) }
            #expect(deltas == golden.stream.map { Array(($0 ?? "").utf8) }, "stream of \(text.debugDescription)")
        }
    }
}
