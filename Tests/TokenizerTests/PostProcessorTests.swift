import Testing

@testable import Tokenizer

@Suite struct PostProcessorTests {
    private let template = """
        {"type": "TemplateProcessing",
         "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": "</s>", "type_id": 0}}],
         "special_tokens": {"<s>": {"id": "<s>", "ids": [7], "tokens": ["<s>"]},
                            "</s>": {"id": "</s>", "ids": [8, 9], "tokens": ["</s>", "x"]}}}
        """

    @Test func `puts the template's tokens around the text`() throws {
        let processor = try PostProcessor(json(template))
        #expect(processor.before == [7])
        #expect(processor.behind == [8, 9])
    }

    @Test func `a sequence puts later tokens outside`() throws {
        let outer = template.replacing("7", with: "17")
        let processor = try PostProcessor(
            json(#"{"type": "Sequence", "processors": [\#(template), {"type": "ByteLevel"}, \#(outer)]}"#)
        )
        #expect(processor.before == [17, 7])
        #expect(processor.behind == [8, 9, 8, 9])
    }

    @Test func `BERT's two tokens stand around a text`() throws {
        let processor = try PostProcessor(
            json(#"{"type": "BertProcessing", "sep": ["[SEP]", 8], "cls": ["[CLS]", 7]}"#)
        )
        #expect(processor.before == [7])
        #expect(processor.behind == [8])
    }

    @Test(arguments: [
        #""sep": ["[SEP]", 8]"#, #""sep": [8], "cls": ["[CLS]", 7]"#, #""sep": ["", -1], "cls": ["", 7]"#,
    ])
    func `refuses BERT's tokens without a number`(tokens: String) {
        let error = #expect(throws: TokenizerError.self) {
            try PostProcessor(json(#"{"type": "BertProcessing", \#(tokens)}"#))
        }
        #expect(error?.code == .corrupt)
    }

    @Test(arguments: ["RobertaProcessing", ""])
    func `refuses an unknown kind`(kind: String) {
        let error = #expect(throws: TokenizerError.self) { try PostProcessor(json(#"{"type": "\#(kind)"}"#)) }
        #expect(error?.code == .unsupported)
    }

    @Test func `refuses a template without the text`() {
        let error = #expect(throws: TokenizerError.self) {
            try PostProcessor(json(#"{"type": "TemplateProcessing", "single": []}"#))
        }
        #expect(error?.code == .corrupt)
    }

    @Test func `takes as many tokens around a text as the limit and no more`() throws {
        func file(_ count: Int) -> String {
            let ids = repeatElement("7", count: count).joined(separator: ", ")
            return template.replacing(#""ids": [7]"#, with: #""ids": [\#(ids)]"#)
        }
        #expect(try PostProcessor(json(file(Limits.tokensAround - 2))).before.count == Limits.tokensAround - 2)
        let error = #expect(throws: TokenizerError.self) { try PostProcessor(json(file(Limits.tokensAround - 1))) }
        #expect(error?.code == .tooLarge)
    }
}
