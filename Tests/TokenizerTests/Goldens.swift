import Foundation

@testable import Tokenizer

/// What Hugging Face's `tokenizers` answered for one text.
struct Golden: Decodable {
    let text: String
    let ids: [UInt32]
    let idsWithSpecials: [UInt32]
    /// The text of `ids` with special tokens, and without.
    let decoded: String
    let decodedWithoutSpecials: String
    /// What each id adds when they come one by one; nil for nothing.
    let stream: [String?]

    private enum CodingKeys: String, CodingKey {
        case text, ids, decoded, stream
        case idsWithSpecials = "ids_special"
        case decodedWithoutSpecials = "decoded_skip"
    }

    private struct File: Decodable {
        let cases: [Golden]
    }

    static func all(of tokenizer: String, in root: String) throws -> [Golden] {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(root)/golden_tokens/\(tokenizer).json"))
        return try JSONDecoder().decode(File.self, from: data).cases
    }
}

/// Where the tokenizers and their goldens lie.
enum TestData {
    /// Tokenizers that a seed made: they travel with this package.
    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures"

    /// The tokenizers of real models, whose licences keep them outside; nil where they are absent.
    static let shared: String? = {
        let path = URL(fileURLWithPath: #filePath).appending(path: "../../../../shared/testdata").standardized.path
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    static let seeded = ["tiny-bytebpe", "tiny-spm", "tiny-wordpiece", "tiny-wordpiece-cased"]

    static let real = [
        "falcon", "gpt2", "llama3.2", "mistral-v1", "mistral-v3", "phi2", "phi3-mini", "qwen2.5", "qwen3", "smollm",
        "smollm2", "stories260K", "tinyllama",
    ]
}
