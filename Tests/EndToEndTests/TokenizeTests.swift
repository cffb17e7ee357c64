import Foundation
import GGUFSamples
import Subprocess
import Testing

@Suite(.timeLimit(.minutes(1))) struct TokenizeTests {
    /// What Hugging Face answers for one text.
    private struct Golden: Decodable {
        var text: String
        var ids: [Int]
        var idsWithSpecials: [Int]

        private enum CodingKeys: String, CodingKey {
            case text, ids
            case idsWithSpecials = "ids_special"
        }
    }

    private struct Goldens: Decodable {
        var cases: [Golden]
    }

    private struct IDs: Codable, Equatable {
        var ids: [Int]
    }

    private struct Text: Codable, Equatable {
        var text: String
    }

    private static let fixtures =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().path
        + "/../TokenizerTests/Fixtures"

    private static func goldens(_ name: String) throws -> [Golden] {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(fixtures)/golden_tokens/\(name).json"))
        return try JSONDecoder().decode(Goldens.self, from: data).cases
    }

    private static func lines(_ values: [some Encodable]) throws -> String {
        try values.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) + "\n" }.joined()
    }

    private static func read<Value: Decodable>(_ output: String, as type: Value.Type) throws -> [Value] {
        try output.split(separator: "\n").map { try JSONDecoder().decode(Value.self, from: Data($0.utf8)) }
    }

    private static func tokenize(_ flags: String, _ input: String, home: Home) async throws -> Program.Outcome {
        let file = "\(home.path)/input-\(UUID().uuidString)"
        try Data(input.utf8).write(to: URL(fileURLWithPath: file))
        return try await Program.shell("\"$0\" tokenize \(flags) < '\(file)'", home: home)
    }

    @Test(arguments: ["tiny-bytebpe", "tiny-spm"])
    func `texts become Hugging Face's ids, a line for a line`(name: String) async throws {
        let home = try Home()
        let goldens = try Self.goldens(name)
        let texts = try Self.lines(goldens.map { Text(text: $0.text) })
        let model = "--model '\(Self.fixtures)/tokenizers/\(name)'"
        let plain = try await Self.tokenize(model, texts, home: home)
        #expect(plain.exitCode == 0, "\(plain.error)")
        #expect(try Self.read(plain.output, as: IDs.self) == goldens.map { IDs(ids: $0.ids) })
        let special = try await Self.tokenize("\(model) --special", texts, home: home)
        #expect(try Self.read(special.output, as: IDs.self) == goldens.map { IDs(ids: $0.idsWithSpecials) })
    }

    @Test func `ids become the texts that they came from, whatever characters those hold`() async throws {
        let home = try Home()
        let texts = ["\u{0}\u{1}\"\\/\n\r\t\u{7F}\u{2028}", "日本語 ½ 👩‍👩‍👧", "", "<|bos|>x", "\u{FEFF}\u{10FFFF}"]
        let ids = try await Self.tokenize("", try Self.lines(texts.map(Text.init)), home: home)
        #expect(ids.exitCode == 0, "\(ids.error)")
        let decoded = try await Self.tokenize("--decode --special", ids.output, home: home)
        #expect(try Self.read(decoded.output, as: Text.self) == texts.map(Text.init))
        let hidden = try await Self.tokenize("--decode", ids.output, home: home)
        #expect(try Self.read(hidden.output, as: Text.self)[3] == Text(text: "x"))
    }

    @Test func `a line is answered before the next is there`() async throws {
        let home = try Home()
        let outcome = try await Program.shell(
            """
            mkfifo "$HOME/lines" "$HOME/ids"
            "$0" tokenize < "$HOME/lines" > "$HOME/ids" & exec 3> "$HOME/lines" 4< "$HOME/ids"
            echo '{"text": "a"}' >&3; read -r first <&4; echo "$first"
            echo '{"text": "a a"}' >&3; read -r second <&4; [ "$second" != "$first" ] && echo more
            exec 3>&-; wait
            """,
            home: home
        )
        #expect(outcome.output.hasPrefix(#"{"ids":["#), "\(outcome.error)")
        #expect(outcome.output.hasSuffix("]}\nmore\n"))
    }

    @Test func `the last line needs no end, and no input needs no answer`() async throws {
        let home = try Home()
        #expect(try await Self.tokenize("", #"{"text": "a", "meta": 1}"#, home: home).output.contains("ids"))
        let nothing = try await Self.tokenize("", "", home: home)
        #expect(nothing.exitCode == 0)
        #expect(nothing.output == "")
    }

    @Test(arguments: [
        ("", "not JSON", "is not JSON"), ("", "", "is not JSON"), ("", "[1]", #"write {"text""#),
        ("", #"{"text": 7}"#, #"write {"text""#), ("", #"{"text": "a", "text": "b"}"#, "duplicate"),
        ("--decode", #"{"text": "a"}"#, #"write {"ids""#), ("--decode", #"{"ids": [1, 4096]}"#, "vocabulary of 1024"),
        ("--decode", #"{"ids": [-1]}"#, "the id -1"), ("--decode", #"{"ids": ["1"]}"#, #"the id "1""#),
    ])
    func `a line that cannot be used is named`(flags: String, line: String, says: String) async throws {
        let good = flags.isEmpty ? #"{"text": "a"}"# : #"{"ids": [1]}"#
        let outcome = try await Self.tokenize(flags, "\(good)\n\(line)\n\(good)\n", home: Home())
        #expect(outcome.exitCode == 1)
        #expect(outcome.error.contains("line 2 of the input"), "\(outcome.error)")
        #expect(outcome.error.contains(says), "\(outcome.error)")
        #expect(outcome.output.split(separator: "\n").count == 1)
    }

    @Test func `a line without end is refused before it fills the memory`() async throws {
        let outcome = try await Program.shell("head -c 110000000 /dev/zero | \"$0\" tokenize", home: Home())
        #expect(outcome.exitCode == 1)
        #expect(outcome.error.contains("line 1 of the input has more than"), "\(outcome.error)")
    }

    @Test func `a reader that has seen enough ends it in silence`() async throws {
        let outcome = try await Program.shell("yes '{\"text\": \"a\"}' | \"$0\" tokenize | head -n 2", home: Home())
        #expect(outcome.output.split(separator: "\n").count == 2)
        #expect(outcome.error == "")
    }

    @Test func `the vocabulary of a GGUF file is read`() async throws {
        let home = try Home()
        let file = GGUFSample([
            ("tokenizer.ggml.model", .text("gpt2")), ("tokenizer.ggml.tokens", .texts(["b", "a"])),
            ("tokenizer.ggml.merges", .texts([])),
        ])
        try Data(file.bytes).write(to: URL(fileURLWithPath: "\(home.path)/model.gguf"))
        for model in [home.path, "\(home.path)/model.gguf"] {
            let outcome = try await Self.tokenize("--model '\(model)'", #"{"text": "ab"}"#, home: home)
            #expect(outcome.output == "{\"ids\":[1,0]}\n", "\(outcome.error)")
        }
    }

    @Test func `a model without a tokenizer is named`() async throws {
        let outcome = try await Self.tokenize("--model /nowhere", "", home: Home())
        #expect(outcome.exitCode == 1)
        #expect(outcome.error.contains("/nowhere/tokenizer.json"), "\(outcome.error)")
    }
}
