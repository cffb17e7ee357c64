import ArgumentParser
import Foundation
import StrictJSON
import Tokenizer

struct TokenizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Turn texts into the token ids that a model reads, or ids into texts.",
        discussion: """
            Reads one JSON object a line from stdin, {"text": "…"}, and answers each with
            a line {"ids":[…]}. With --decode it reads {"ids": […]} and answers
            {"text":"…"}. Other keys of an object are ignored. The names of special tokens
            in a text become their ids.

            Examples:
              echo '{"text": "Once upon a time"}' | kwaai-swift tokenize
              kwaai-swift tokenize --special --model ./Qwen3-0.6B < texts.jsonl
              kwaai-swift tokenize --decode --model ./model.gguf < ids.jsonl
            """
    )

    @OptionGroup var model: ModelOptions

    @Flag(help: "Add the special tokens that the model expects around a text; with --decode, show special tokens.")
    var special = false

    @Flag(help: "Turn ids into texts.")
    var decode = false

    func run() async throws {
        let tokenizer = try self.model.tokenizer(try await Settings.load())
        var lines = JSONLines()
        while let line = try lines.next() {
            let answer: JSON
            do {
                answer = self.decode ? try self.text(line, tokenizer) : try self.ids(line, tokenizer)
            } catch let error as Unusable {
                throw lines.error(error.reason)
            } catch let error as TokenizerError {
                throw lines.error("cannot be encoded: \(error)")
            }
            try Terminal.print(String(decoding: answer.canonicalBytes, as: UTF8.self))
        }
    }

    /// What a line lacks, for an error that names the line.
    private struct Unusable: Error {
        var reason: String
    }

    private func ids(_ line: JSON, _ tokenizer: Tokenizer) throws -> JSON {
        guard let text = line["text"]?.string else { throw Unusable(reason: #"has no text: write {"text": "…"}"#) }
        let ids = try tokenizer.encode(text, addSpecialTokens: self.special)
        return .object([.init("ids", .array(ids.map { .integer(Int($0)) }))])
    }

    private func text(_ line: JSON, _ tokenizer: Tokenizer) throws -> JSON {
        guard let elements = line["ids"]?.array else { throw Unusable(reason: #"has no ids: write {"ids": [1, 2]}"#) }
        let ids = try elements.map { element in
            guard let id = element.integer.flatMap(UInt32.init(exactly:)), tokenizer.token(id) != nil else {
                let vocabulary = "the model's vocabulary of \(tokenizer.vocabularySize) tokens"
                throw Unusable(reason: "names the id \(element.shown), which is not in \(vocabulary)")
            }
            return id
        }
        let text = tokenizer.decode(ids, skipSpecialTokens: !self.special)
        return .object([.init("text", .string(text))])
    }
}

extension JSON {
    /// The value as it stands in a line, cut where it is long.
    fileprivate var shown: String { String(decoding: self.canonicalBytes.prefix(40), as: UTF8.self) }
}
