import CAllocations
import Foundation
import Tokenizer

/// Encodes prose and code with the tokenizers that are named, beside Hugging Face's `tokenizers` where a Python has it.
///
///     swift run -c release Tokenization MODEL…
///     TOKENIZERS_PYTHON=venv/bin/python swift run -c release Tokenization models/Qwen3-0.6B models/gpt2
@main struct Tokenization {
    private static let rounds = 5

    static func main() throws {
        let models = CommandLine.arguments.dropFirst()
        guard !models.isEmpty else {
            print("usage: Tokenization MODEL… (folders with a tokenizer.json, or GGUF files)")
            exit(2)
        }
        let reference = ProcessInfo.processInfo.environment["TOKENIZERS_PYTHON"].map(Reference.init)
        print("tokenizer, text: MB/s, allocations a call; Hugging Face's MB/s, ratio")
        for model in models {
            let tokenizer = try Tokenizer(directory: model)
            for text in Text.all { try self.measure(tokenizer, of: model, on: text, beside: reference) }
        }
    }

    /// Both take turns, so that what else the machine does meets them alike; the best of each counts.
    private static func measure(
        _ tokenizer: Tokenizer,
        of model: String,
        on text: Text,
        beside reference: Reference?
    ) throws {
        var own = Double.infinity
        var other = Double.infinity
        var allocations: UInt64 = 0
        var ids = 0
        for _ in 0..<self.rounds {
            let before = (allocation_count(), clock())
            ids = try tokenizer.encode(text.content, addSpecialTokens: false).count
            own = min(own, Double(clock() - before.1) / Double(CLOCKS_PER_SEC))
            allocations = allocation_count() - before.0
            guard let reading = try reference?.read(model: model, file: text.file) else { continue }
            other = min(other, reading.seconds)
            guard reading.ids == ids else {
                print("\(model), \(text.name): \(ids) ids, and Hugging Face has \(reading.ids)")
                exit(1)
            }
        }
        let megabytes = Double(text.content.utf8.count) / 1e6
        var line = "\(model), \(text.name): \(shown(megabytes / own)) MB/s, \(allocations)"
        if other.isFinite { line += "; \(shown(megabytes / other)) MB/s, \(shown(other / own)) ×" }
        print(line)
    }

    private static func shown(_ number: Double) -> String { String(format: "%.1f", number) }
}

/// A text, and a file that holds it for other programs.
struct Text {
    let name: String
    let content: String
    let file: String

    /// English, from the licences that Debian ships and this repository's documents; and this repository's sources.
    static let all: [Text] = {
        let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardized.path
        let licences = Self.files(under: "/usr/share/common-licenses") { _ in true }
        let documents = Self.files(under: root) { $0.hasSuffix(".md") && !$0.contains("/.build/") }
        let sources = Self.files(under: root + "/Sources") { $0.hasSuffix(".swift") || $0.hasSuffix(".c") }
        return [Text("prose", licences + documents), Text("code", sources)]
    }()

    private init(_ name: String, _ files: [String]) {
        self.name = name
        self.content = files.compactMap { try? String(contentsOfFile: $0, encoding: .utf8) }.joined()
        self.file = NSTemporaryDirectory() + "kwaai-tokenization-\(name).txt"
        try? self.content.write(toFile: self.file, atomically: true, encoding: .utf8)
    }

    private static func files(under folder: String, where isWanted: (String) -> Bool) -> [String] {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return names.sorted().map { "\(folder)/\($0)" }.filter(isWanted)
    }
}

/// Hugging Face's `tokenizers` in a process of its own, which measures itself.
struct Reference {
    let python: String

    private static let program = """
        import sys, time, tokenizers
        tokenizer = tokenizers.Tokenizer.from_file(sys.argv[1])
        text = open(sys.argv[2], encoding="utf-8", newline="").read()
        start = time.process_time()
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        print(time.process_time() - start, len(ids))
        """

    /// - Returns: nil where the model is no folder with a tokenizer.json, or Python has no `tokenizers`.
    func read(model: String, file: String) throws -> (seconds: Double, ids: Int)? {
        let json = "\(model)/tokenizer.json"
        guard FileManager.default.fileExists(atPath: json) else { return nil }
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: self.python)
        process.arguments = ["-c", Self.program, json, file]
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let fields = text.split(whereSeparator: \.isWhitespace)
        guard fields.count == 2, let seconds = Double(fields[0]), let ids = Int(fields[1]) else { return nil }
        return (seconds, ids)
    }
}
