import Foundation
import GGUFSamples
import Testing

@testable import Tokenizer

@Suite struct TokenizerSourceTests {
    private let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "tokenizer-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }

    private static let gguf = GGUFSample([
        ("tokenizer.ggml.model", .text("gpt2")), ("tokenizer.ggml.tokens", .texts(["b", "a"])),
        ("tokenizer.ggml.merges", .texts([])),
    ]).bytes

    @Test func `a missing file is named`() {
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(directory: "/nowhere") }
        #expect(error?.code == .unreadable)
        #expect(error?.message.contains("/nowhere/tokenizer.json") == true)
    }

    @Test func `a folder's tokenizer.json is read`() throws {
        try write("tokenizer.json", Array(SmallFile().text.utf8))
        try write("model.gguf", Self.gguf)
        #expect(try Tokenizer(directory: folder).encode("a", addSpecialTokens: false) == [0])
    }

    @Test func `the only GGUF file of a folder is read, and one that is named`() throws {
        try write("model.gguf", Self.gguf)
        #expect(try Tokenizer(directory: folder).encode("a", addSpecialTokens: false) == [1])
        try write("other.gguf", Self.gguf)
        #expect(try Tokenizer(directory: "\(folder)/other.gguf").encode("a", addSpecialTokens: false) == [1])
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(directory: folder) }
        #expect(error?.code == .unreadable)
        #expect(error?.message.contains("2 .gguf files") == true)
    }

    @Test func `a file that is no GGUF file is refused, and named`() throws {
        try write("weights.bin", [1, 2, 3])
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(directory: "\(folder)/weights.bin") }
        #expect(error?.code == .corrupt)
        #expect(error?.message.contains("weights.bin") == true)
    }
}
