import Foundation
import GGUF
import GGUFSamples
import Testing

@testable import Tokenizer

@Suite struct GGUFTokenizerTests {
    /// A vocabulary of SentencePiece's kind: "▁ab" is made sooner than "bc".
    private static let scored: [(key: String, value: GGUFSample.Value)] = [
        ("tokenizer.ggml.model", .text("llama")),
        (
            "tokenizer.ggml.tokens",
            .texts(["<unk>", "<s>", "</s>", "▁", "a", "b", "c", "bc", "ab", "▁ab", "<|x|>", "zz"])
        ),
        ("tokenizer.ggml.scores", .floats([0, 0, 0, -9, -9, -9, -9, -3, -2, -1, 0, 0])),
        ("tokenizer.ggml.token_type", .integers([2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 3, 4])),
    ]

    /// A byte-level vocabulary: the letters, a space, and "ab".
    private static let bytePairs: [(key: String, value: GGUFSample.Value)] = [
        ("tokenizer.ggml.model", .text("gpt2")),
        ("tokenizer.ggml.pre", .text("gpt-2")),
        ("tokenizer.ggml.tokens", .texts(["a", "b", "c", "Ġ", "ab", "", "<|end|>"])),
        ("tokenizer.ggml.token_type", .integers([1, 1, 1, 1, 1, 5, 3])),
        ("tokenizer.ggml.merges", .texts(["a b"])),
        ("tokenizer.ggml.eos_token_id", .uint32(6)),
    ]

    private static func tokenizer(
        _ metadata: [(key: String, value: GGUFSample.Value)],
        _ changes: [String: GGUFSample.Value] = [:],
        without: String = ""
    ) throws -> Tokenizer {
        let kept = metadata.filter { changes[$0.key] == nil && $0.key != without }
        let sample = GGUFSample(kept + changes.map { (key: $0.key, value: $0.value) })
        return try sample.bytes.withUnsafeBytes { bytes in try Tokenizer(gguf: bytes) }
    }

    @Test func `the token with the highest score is made first`() throws {
        let tokenizer = try Self.tokenizer(Self.scored)
        #expect(try tokenizer.encode("abc", addSpecialTokens: false) == [9, 6])
        #expect(try tokenizer.encode("cbc", addSpecialTokens: true) == [1, 3, 6, 7])
        let other = try Self.tokenizer(
            Self.scored,
            ["tokenizer.ggml.scores": .floats([0, 0, 0, -9, -9, -9, -9, -1, -2, -3, 0, 0])]
        )
        #expect(try other.encode("abc", addSpecialTokens: false) == [3, 4, 7])
    }

    @Test func `tokens of equal scores are made from the left`() throws {
        let equal = GGUFSample.Value.floats([0, 0, 0, -9, -9, -9, -9, -2, -2, -9, 0, 0])
        let tokenizer = try Self.tokenizer(Self.scored, ["tokenizer.ggml.scores": equal])
        #expect(try tokenizer.encode("cabc", addSpecialTokens: false) == [3, 6, 8, 6])
    }

    @Test func `special and user-defined tokens are found in the text, and a space stands before what follows`() throws
    {
        let tokenizer = try Self.tokenizer(Self.scored)
        #expect(try tokenizer.encode("c<|x|>ab", addSpecialTokens: false) == [3, 6, 10, 9])
        #expect(try tokenizer.encode("zzzz", addSpecialTokens: false) == [11, 11])
        #expect(tokenizer.decode([3, 6, 10, 9], skipSpecialTokens: true) == "c ab")
        #expect(tokenizer.decode([3, 6, 11], skipSpecialTokens: true) == "czz")
    }

    @Test func `no space is put before a text whose file says so`() throws {
        let tokenizer = try Self.tokenizer(Self.scored, ["tokenizer.ggml.add_space_prefix": .bool(false)])
        #expect(try tokenizer.encode("ab ab", addSpecialTokens: false) == [8, 9])
        #expect(tokenizer.decode([9, 9], skipSpecialTokens: false) == " ab ab")
    }

    @Test func `an unknown character without byte tokens is the unknown token`() throws {
        #expect(try Self.tokenizer(Self.scored).encode("é", addSpecialTokens: false) == [3, 0])
    }

    @Test func `a file says what stands around a text`() throws {
        let both = try Self.tokenizer(
            Self.scored,
            ["tokenizer.ggml.add_bos_token": .bool(false), "tokenizer.ggml.add_eos_token": .bool(true)]
        )
        #expect(try both.encode("ab", addSpecialTokens: true) == [9, 2])
        let end = try Self.tokenizer(Self.bytePairs, ["tokenizer.ggml.add_eos_token": .bool(true)])
        #expect(try end.encode("ab", addSpecialTokens: true) == [4, 6])
        #expect(try Self.tokenizer(Self.bytePairs).encode("ab", addSpecialTokens: true) == [4])
    }

    @Test func `a byte-level vocabulary merges within words`() throws {
        let tokenizer = try Self.tokenizer(Self.bytePairs)
        let ids = try tokenizer.encode("ab abc<|end|>", addSpecialTokens: false)
        #expect(ids == [4, 3, 4, 2, 6])
        #expect(tokenizer.decode(ids, skipSpecialTokens: true) == "ab abc")
        #expect(tokenizer.vocabularySize == 7)
        #expect(tokenizer.token(5) == nil)
    }

    @Test func `Phi-3's special tokens take the space behind them along`() throws {
        let tokenizer = try Self.tokenizer(Self.scored, ["general.name": .text("Phi-3 Mini")])
        #expect(try tokenizer.encode("<|x|>  ab", addSpecialTokens: false) == [10, 9])
        #expect(try tokenizer.encode("<s> ab", addSpecialTokens: false) == [1, 3, 9])
    }

    @Test(arguments: ["t5", "rwkv", "none"])
    func `an unknown kind of vocabulary is refused by name`(kind: String) {
        let error = #expect(throws: TokenizerError.self) {
            try Self.tokenizer(Self.scored, ["tokenizer.ggml.model": .text(kind)])
        }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("\"\(kind)\"") == true)
        #expect(error?.message.contains("gpt2, llama, bert") == true)
    }

    @Test func `an unknown way of cutting words is refused by name`() {
        let error = #expect(throws: TokenizerError.self) {
            try Self.tokenizer(Self.bytePairs, ["tokenizer.ggml.pre": .text("kimi-k2")])
        }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("\"kimi-k2\"") == true)
        #expect(error?.message.contains("llama-bpe") == true)
    }

    @Test(
        arguments: [
            ("tokenizer.ggml.model", nil), ("tokenizer.ggml.tokens", nil), ("tokenizer.ggml.merges", nil),
            ("tokenizer.ggml.tokens", .text("a")), ("tokenizer.ggml.tokens", .integers([1])),
            ("tokenizer.ggml.tokens", .texts(["a", "a", "b", "c", "ab", "", "<|end|>"])),
            ("tokenizer.ggml.token_type", .integers([1])),
            ("tokenizer.ggml.token_type", .floats([1, 1, 1, 1, 1, 1, 1])),
            ("tokenizer.ggml.merges", .texts(["a"])), ("tokenizer.ggml.merges", .texts(["a "])),
            ("tokenizer.ggml.merges", .texts(["a x"])), ("tokenizer.ggml.pre", .bool(true)),
            ("tokenizer.ggml.add_bos_token", .bool(true)), ("tokenizer.ggml.add_eos_token", .uint32(1)),
        ] as [(String, GGUFSample.Value?)]
    )
    func `a file that contradicts itself is refused`(key: String, value: GGUFSample.Value?) {
        let error = #expect(throws: TokenizerError.self) {
            if let value {
                try Self.tokenizer(Self.bytePairs, [key: value])
            } else {
                try Self.tokenizer(Self.bytePairs, without: key)
            }
        }
        #expect(error?.code == .corrupt, "\(error.debugDescription)")
    }

    @Test(arguments: [.floats([1]), .integers([]), .floats(Array(repeating: .nan, count: 12))] as [GGUFSample.Value])
    func `scores that are none are refused`(scores: GGUFSample.Value) {
        let error = #expect(throws: TokenizerError.self) {
            try Self.tokenizer(Self.scored, ["tokenizer.ggml.scores": scores])
        }
        #expect(error?.code == .corrupt)
    }

    @Test func `tokens whose merges would take for ever are refused`() {
        let letters = String(repeating: "a", count: Limits.tokenBytes - 4)
        let tokens = (0..<80).map { "\(letters)\($0 + 100)" }
        let error = #expect(throws: TokenizerError.self) {
            try Self.tokenizer([
                ("tokenizer.ggml.model", .text("llama")), ("tokenizer.ggml.tokens", .texts(tokens)),
                ("tokenizer.ggml.scores", .floats(tokens.map { _ in 0 })),
            ])
        }
        #expect(error?.code == .tooLarge)
    }
}
