import Foundation
import GGUFSamples
import Testing

@testable import Tokenizer

extension FuzzTests {
    @Test func `the reader of tokenizer.json survives whatever a file says`() {
        fuzz("tokenizer.json", words: Self.jsonWords, bytes: 256 << 20, make: Self.tokenizerFile) { bytes in
            let tokenizer = try Tokenizer(json: bytes)
            Self.use(tokenizer, on: bytes)
            return true
        }
    }

    @Test func `the reader of GGUF vocabularies survives whatever a file says`() {
        fuzz("gguf vocabulary", words: ["▁", "<0x0A>", "Ġ"], bytes: 256 << 20, make: Self.vocabularyFile) { bytes in
            let tokenizer = try Tokenizer(gguf: bytes)
            Self.use(tokenizer, on: bytes)
            return true
        }
    }

    @Test func `any text is encoded, and any ids are decoded`() throws {
        let tokenizers = try ["tiny-bytebpe", "tiny-spm", "tiny-wordpiece"].map {
            try Tokenizer(directory: Self.fixtures + $0)
        }
        let words = ["<|endoftext|>", "<s>", "▁", " ", "\u{FFFD}", "\u{301}", "\n", "👩‍👩‍👧"]
        let longRun = String(repeating: "\u{FFFD}", count: Limits.heldTokens / 3)
        fuzz("encode and decode", words: words, make: { $0.bytes(Self.sentence) }) { bytes in
            let tokenizer = tokenizers[bytes.count % 3]
            let text = String(decoding: bytes, as: UTF8.self)
            let ids = try tokenizer.encode(text, addSpecialTokens: false)
            var stream = tokenizer.streamingDecoder(skipSpecialTokens: false)
            let streamed = ids.map { stream.append($0) }.joined() + stream.finish()
            let decoded = tokenizer.decode(ids, skipSpecialTokens: false)
            // As many in a row fill what a stream holds back, so that it has to cut among their bytes.
            if decoded.contains(longRun) { return false }
            if !streamed.utf8.elementsEqual(decoded.utf8) || ids.contains(where: { $0 >= tokenizer.vocabularySize }) {
                Issue.record("\(text.debugDescription) became \(ids)")
            }
            _ = tokenizer.decode(bytes.prefix(8).map { UInt32($0) } + [.max], skipSpecialTokens: true)
            return bytes.count % 2 == 0
        }
    }

    private static let fixtures =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../TokenizerTests/Fixtures/tokenizers/"

    private static let sentence = Array("I'm 12,  héllo\t! ▁ 日本\n\n<s> ½".utf8)

    /// Encodes a text that the input decides, and decodes what came out and what did not.
    private static func use(_ tokenizer: Tokenizer, on bytes: UnsafeRawBufferPointer) {
        let text = String(decoding: bytes.suffix(24), as: UTF8.self) + " ab <x>▁cab  12é"
        let ids = (try? tokenizer.encode(text, addSpecialTokens: true)) ?? []
        let others = bytes.prefix(8).map { UInt32($0) } + [.max]
        _ = tokenizer.decode(ids + others, skipSpecialTokens: false)
        var stream = tokenizer.streamingDecoder()
        for id in ids + others { _ = stream.append(id) }
        _ = stream.finish()
    }
}

// MARK: tokenizer.json

extension FuzzTests {
    private static let jsonWords = [
        "null", "true", "-1", "1e999", "{}", "[]", "\"", "\\u0000", "Sequence", "ByteLevel", "Regex", "a|b*", "(?i:",
        #"{"type": "Fuse"}"#, "2097151",
    ]

    private static let models = [
        """
        {"type": "BPE", "unk_token": "?", "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
         "vocab": {"a": 0, "b": 1, "c": 2, " ": 3, "ab": 4, "cab": 5, "?": 6, "▁": 7, "▁cab": 8},
         "merges": [["a", "b"], ["c", "ab"], "▁ cab"]}
        """,
        """
        {"type": "BPE", "ignore_merges": true, "vocab": {"a": 0, "b": 1, "Ġ": 2, "Ã": 3, "©": 4, "Ã©": 5, "Ġa": 6},
         "merges": ["Ã ©", "Ġ a"]}
        """,
        """
        {"type": "WordPiece", "unk_token": "?", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9,
         "vocab": {"?": 0, "ab": 1, "##b": 2, "a": 3, "c": 4, "##ab": 5, "12": 6, "##é": 7, "##": 8, "<": 9}}
        """,
    ]

    private static let normalizers = [
        #"{"type": "Prepend", "prepend": "▁"}"#, #"{"type": "NFKD"}"#, #"{"type": "Lowercase"}"#,
        #"{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}"#, #"{"type": "NFC"}"#,
        #"{"type": "Replace", "pattern": {"Regex": "a*"}, "content": "aaaaaaaa"}"#, #"{"type": "Strip"}"#,
        #"{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null}"#,
    ]

    private static let cutters = [
        #"{"type": "ByteLevel", "add_prefix_space": true, "use_regex": true}"#, #"{"type": "Metaspace"}"#,
        #"{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}"#, #"{"type": "Digits"}"#,
        #"{"type": "Split", "pattern": {"Regex": "\\s+(?!\\S)|a+"}, "behavior": "Isolated", "invert": false}"#,
        #"{"type": "Split", "pattern": {"String": "a"}, "behavior": "MergedWithNext"}"#,
        #"{"type": "Punctuation", "behavior": "Contiguous"}"#, #"{"type": "WhitespaceSplit"}"#,
        #"{"type": "BertPreTokenizer"}"#,
    ]

    private static let decoders = [
        #"{"type": "ByteLevel"}"#, #"{"type": "ByteFallback"}"#, #"{"type": "Fuse"}"#, #"{"type": "Metaspace"}"#,
        #"{"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaaaaaaaa"}"#,
        #"{"type": "Strip", "content": " ", "start": 1, "stop": 0}"#,
        #"{"type": "WordPiece", "cleanup": true}"#,
    ]

    private static let processors = [
        #"{"type": "ByteLevel"}"#, #"{"type": "BertProcessing", "sep": ["b", 1], "cls": ["a", 0]}"#,
        """
        {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<x>"}}, {"Sequence": {"id": "A"}}],
         "special_tokens": {"<x>": {"ids": [9, 9]}}}
        """,
    ]

    /// A file of parts that are drawn, some of them changed.
    private static func tokenizerFile(_ random: inout Mutator) -> [UInt8] {
        func part(_ kind: String, _ steps: [String], _ random: inout Mutator) -> String {
            let drawn = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                let step = random.pick(steps)
                return random.chance(12) ? random.text(step) : step
            }
            if drawn.isEmpty { return "null" }
            return #"{"type": "Sequence", "\#(kind)": [\#(drawn.joined(separator: ", "))]}"#
        }
        let flags = ["special", "single_word", "lstrip", "rstrip", "normalized"].filter { _ in random.chance(2) }
        let token =
            #"{"id": \#(random.chance(9) ? random.number(9) : 9), "content": "<x>""#
            + flags.map { ", \"\($0)\": true" }.joined() + "}"
        let model = random.pick(models)
        let file = """
            {"added_tokens": [\(token)], "normalizer": \(part("normalizers", normalizers, &random)),
             "pre_tokenizer": \(part("pretokenizers", cutters, &random)),
             "post_processor": \(part("processors", processors, &random)),
             "decoder": \(part("decoders", decoders, &random)),
             "model": \(random.chance(6) ? random.text(model) : model)}
            """
        return random.chance(6) ? random.bytes(Array(file.utf8)) : Array(file.utf8)
    }
}

// MARK: GGUF

extension FuzzTests {
    private static let scored = GGUFSample([
        ("tokenizer.ggml.model", .text("llama")),
        ("tokenizer.ggml.tokens", .texts(["?", "<x>", "▁", "a", "b", "c", "ab", "cab", "▁cab", "<0x0A>", ""])),
        ("tokenizer.ggml.scores", .floats([0, 0, -5, -4, -4, -4, -2, -1, 0, 0, 0])),
        ("tokenizer.ggml.token_type", .integers([2, 3, 1, 1, 1, 1, 1, 1, 1, 6, 5])),
        ("tokenizer.ggml.bos_token_id", .uint32(1)), ("tokenizer.ggml.unknown_token_id", .uint32(0)),
        ("tokenizer.ggml.add_space_prefix", .bool(true)), ("tokenizer.ggml.add_eos_token", .bool(true)),
        ("general.name", .text("phi-3")),
    ])

    private static let bytePairs = GGUFSample([
        ("tokenizer.ggml.model", .text("gpt2")), ("tokenizer.ggml.pre", .text("llama-bpe")),
        ("tokenizer.ggml.tokens", .texts(["a", "b", "c", "Ġ", "ab", "cab", "Ã", "©", "Ã©", "1", "<x>"])),
        ("tokenizer.ggml.merges", .texts(["a b", "c ab", "Ã ©"])),
        ("tokenizer.ggml.token_type", .integers([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4])),
        ("tokenizer.ggml.bos_token_id", .uint32(10)), ("tokenizer.ggml.eos_token_id", .uint32(10)),
    ])

    private static let wordPieces = GGUFSample([
        ("tokenizer.ggml.model", .text("bert")),
        ("tokenizer.ggml.tokens", .texts(["[?]", "[C]", "▁", "▁ab", "cab", "c", "é", "▁12", "a", "▁<", ""])),
        ("tokenizer.ggml.token_type", .integers([3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 5])),
        ("tokenizer.ggml.unknown_token_id", .uint32(0)), ("tokenizer.ggml.bos_token_id", .uint32(1)),
        ("tokenizer.ggml.seperator_token_id", .uint32(1)), ("tokenizer.ggml.normalizer.lowercase", .bool(true)),
    ])

    private static let cuts = [
        "", "default", "gpt-2", "starcoder", "falcon", "qwen2", "deepseek-llm", "deepseek-coder", "deepseek-v3",
        "tekken",
        "gpt-4o", "glm4", "nobody",
    ]

    /// A vocabulary with some of its values exchanged or changed.
    private static func vocabularyFile(_ random: inout Mutator) -> [UInt8] {
        var sample = random.pick([scored, bytePairs, wordPieces])
        if random.chance(2) { sample.metadata.append(("tokenizer.ggml.add_bos_token", .bool(random.chance(2)))) }
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let key = Int.random(in: sample.metadata.indices, using: &random)
            sample.metadata[key].value = changed(sample.metadata[key].value, &random)
        }
        if random.chance(3) { sample.metadata.removeAll { $0.key == "tokenizer.ggml.pre" } }
        if random.chance(3) { sample.metadata.append(("tokenizer.ggml.pre", .text(random.pick(cuts)))) }
        return random.chance(8) ? random.bytes(sample.bytes) : sample.bytes
    }

    private static func changed(_ value: GGUFSample.Value, _ random: inout Mutator) -> GGUFSample.Value {
        switch value {
        case .text(let bytes): return .text(random.bytes(bytes, changes: 1...2))
        case .bool(let flag): return .bool(!flag)
        case .array(let type, var elements) where !elements.isEmpty:
            let index = Int.random(in: elements.indices, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: elements.remove(at: index)
            case 1: elements.append(elements[index])
            case 2: elements.swapAt(index, 0)
            case _: elements[index] = changed(elements[index], &random)
            }
            return .array(type, elements)
        case .float32: return .float32(Float(bitPattern: UInt32.random(in: .min ... .max, using: &random)))
        case .int32(let number): return .int32(Int32(truncatingIfNeeded: random.number(UInt64(abs(Int(number))))))
        case _: return .uint32(UInt32(truncatingIfNeeded: random.number(1)))
        }
    }
}
