import Foundation
import Testing

@testable import Tokenizer

@Suite(.enabled(if: TestData.shared != nil, "needs the vocabularies in ../shared/testdata"))
struct GGUFGoldenTests {
    /// Vocabularies that come with llama.cpp's own test, and one that lies in a model.
    static let vocabularies = [
        "baichuan", "bert-bge", "deepseek-coder", "deepseek-llm", "falcon", "gpt-2", "gpt-neox", "llama-spm", "mpt",
        "phi-3",
        "refact", "starcoder",
    ]

    @Test(arguments: vocabularies + ["qwen2-F32", "stories260K-F32"])
    func `a vocabulary gives llama.cpp's ids of our texts`(name: String) throws {
        let root = try #require(TestData.shared)
        let tokenizer = try Self.tokenizer(name, in: root)
        for golden in try GGUFGolden.all(of: name, in: root) {
            let ids = try tokenizer.encode(golden.text, addSpecialTokens: false)
            #expect(ids == golden.ids, "\(golden.text.debugDescription)")
        }
    }

    @Test(arguments: vocabularies.filter { !["baichuan", "gpt-neox"].contains($0) })
    func `a vocabulary passes llama.cpp's own test`(name: String) throws {
        let root = try #require(TestData.shared)
        let tokenizer = try Self.tokenizer(name, in: root)
        let cases = try LlamaCase.all(of: name, in: root)
        #expect(cases.count > 40)
        for (text, ids) in cases {
            #expect(try tokenizer.encode(text, addSpecialTokens: false) == ids, "\(text.debugDescription)")
        }
    }

    private static func tokenizer(_ name: String, in root: String) throws -> Tokenizer {
        let vocabulary = "\(root)/llamacpp_vocab/ggml-vocab-\(name).gguf"
        let isVocabulary = FileManager.default.fileExists(atPath: vocabulary)
        return try Tokenizer(directory: isVocabulary ? vocabulary : "\(root)/gguf/\(name).gguf")
    }
}

/// What llama.cpp answered for one text, special tokens being parsed.
struct GGUFGolden: Decodable {
    let text: String
    let ids: [UInt32]

    private enum CodingKeys: String, CodingKey {
        case text
        case ids = "ids_parse_special"
    }

    private struct File: Decodable {
        let cases: [GGUFGolden]
    }

    static func all(of vocabulary: String, in root: String) throws -> [GGUFGolden] {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(root)/golden_tokens_gguf/\(vocabulary).json"))
        return try JSONDecoder().decode(File.self, from: data).cases
    }
}

/// llama.cpp's test of a vocabulary: texts with a line between them, and a line of ids for each.
enum LlamaCase {
    static func all(of vocabulary: String, in root: String) throws -> [(text: String, ids: [UInt32])] {
        let path = "\(root)/llamacpp_vocab/ggml-vocab-\(vocabulary).gguf"
        let input = try String(decoding: Data(contentsOf: URL(fileURLWithPath: path + ".inp")), as: UTF8.self)
        let output = try String(decoding: Data(contentsOf: URL(fileURLWithPath: path + ".out")), as: UTF8.self)
        let texts = input.components(separatedBy: "\n__ggml_vocab_test__\n")
        let ids = output.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.split(separator: " ").compactMap { UInt32($0) }
        }
        return Array(zip(texts, ids))
    }
}
