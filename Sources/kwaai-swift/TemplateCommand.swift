import ArgumentParser
import StrictJSON
import Tokenizer

struct TemplateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract: "Write conversations as the model's chat template has them.",
        discussion: """
            Each line of stdin is a JSON object: "messages", and optionally "tools", "documents",
            "add_generation_prompt" (false where it is not there) and whatever else the template knows. For each of
            them one line {"text":"…"} goes to stdout. The text holds the special tokens that it needs: give it to
            tokenize without --special.

            Example:
              echo '{"messages": [{"role": "user", "content": "Hello"}], "add_generation_prompt": true}' |
                  kwaai-swift template --model DIR
            """
    )

    @OptionGroup var model: ModelOptions

    func run() async throws {
        let template = try self.model.chatTemplate(try await Settings.load())
        var lines = JSONLines()
        while let line = try lines.next() {
            let text: String
            do {
                text = try template.render(line)
            } catch {
                throw lines.error("is refused: \(error)")
            }
            let answer = JSON.object([.init("text", .string(text))])
            try Terminal.print(String(decoding: answer.canonicalBytes, as: UTF8.self))
        }
    }
}
