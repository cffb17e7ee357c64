public import Foundation
internal import Jinja
package import StrictJSON

/// One message of a conversation.
public struct ChatMessage: Hashable, Sendable {
    /// Who speaks, in the model's words: mostly `system`, `user` or `assistant`.
    public var role: String
    public var content: String

    public init(role: String, content: String) {
        self.role = role
        self.content = content
    }
}

/// Writes conversations as the text that a model was trained on, by the template that came with the model.
///
/// Rendered exactly as transformers' `apply_chat_template` does. The text holds the special tokens that it needs: encode
/// it with `addSpecialTokens: false`.
public struct ChatTemplate: Sendable {
    /// By name: `default` is for every conversation, `tool_use` for those with tools where it is there.
    private let templates: [String: Template]
    /// What the template knows as `bos_token`, `eos_token` and so on.
    let specialTokens: [String: String]

    /// - Parameter specialTokens: by the names that transformers gives them, such as `eos_token`.
    /// - Throws: `badTemplate` with the line.
    public init(source: String, specialTokens: [String: String] = [:]) throws(TokenizerError) {
        try self.init(sources: ["default": source], specialTokens: specialTokens)
    }

    init(sources: [String: String], specialTokens: [String: String]) throws(TokenizerError) {
        var templates: [String: Template] = [:]
        for (name, source) in sources {
            do {
                templates[name] = try Template(source)
            } catch {
                throw .badTemplate(name, error)
            }
        }
        self.templates = templates
        self.specialTokens = specialTokens
    }

    /// The text of a conversation.
    ///
    /// - Parameters:
    ///   - addsGenerationPrompt: whether the assistant's next message begins at its end.
    ///   - now: what a template that writes the date takes it from, in the time zone of this machine.
    /// - Throws: `templateFailed` with the template's own words where it refuses the conversation.
    public func render(
        _ messages: [ChatMessage],
        addsGenerationPrompt: Bool = true,
        now: Date = Date()
    ) throws(TokenizerError) -> String {
        let messages = messages.map { message in
            JSON.object([JSON.Member("role", .string(message.role)), JSON.Member("content", .string(message.content))])
        }
        return try render(
            .object([
                JSON.Member("messages", .array(messages)),
                JSON.Member("add_generation_prompt", .bool(addsGenerationPrompt)),
            ]),
            now: now
        )
    }

    /// The text of a conversation that is written as JSON, as `apply_chat_template` takes it: `messages`, and optionally
    /// `tools`, `documents`, `add_generation_prompt` (false where it is not there) and whatever else the template knows.
    ///
    /// - Throws: `badConversation` where there are no messages, `templateFailed` as above.
    package func render(_ request: JSON, now: Date = Date()) throws(TokenizerError) -> String {
        var variables = specialTokens.mapValues(Value.string)
        for (name, value) in try ChatRequest.variables(of: request) { variables[name] = value }
        let template = try template(for: request)
        do {
            return try template.render(variables, now: DateTime(now))
        } catch {
            throw .templateFailed(error)
        }
    }

    private func template(for request: JSON) throws(TokenizerError) -> Template {
        if request["tools"] != nil, let template = templates["tool_use"] { return template }
        if let template = templates["default"] { return template }
        let names = templates.keys.sorted().joined(separator: ", ")
        throw TokenizerError(
            .noTemplate,
            "the model has the chat templates \(names) and none that is called default: write the one to use into a "
                + "chat_template.jinja beside its tokenizer"
        )
    }
}

extension ChatTemplate {
    /// The tokens at which an assistant's message ends: the model's end token, and what the template writes behind a
    /// message, which models do not always say elsewhere.
    public func endTokens(_ tokenizer: Tokenizer) -> Set<UInt32> {
        var ends: Set<UInt32> = []
        if let token = specialTokens["eos_token"], let id = tokenizer.id(of: token) { ends.insert(id) }
        let answer = "Yes"
        let messages = [ChatMessage(role: "user", content: "Well"), ChatMessage(role: "assistant", content: answer)]
        guard let text = try? render(messages, addsGenerationPrompt: false),
            let end = text.range(of: answer, options: .backwards)?.upperBound,
            let ids = try? tokenizer.encode(String(text[end...]), addSpecialTokens: false),
            let first = ids.first(where: tokenizer.specialIDs.contains)
        else { return ends }
        return ends.union([first])
    }
}

extension DateTime {
    fileprivate init(_ date: Date) {
        let calendar = Calendar(identifier: .gregorian)
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: date)
        self.init(
            year: parts.year ?? 1970,
            month: parts.month ?? 1,
            day: parts.day ?? 1,
            hour: parts.hour ?? 0,
            minute: parts.minute ?? 0,
            second: parts.second ?? 0
        )
    }
}

extension TokenizerError {
    fileprivate static func badTemplate(_ name: String, _ error: JinjaError) -> Self {
        let which = name == "default" ? "chat template" : "chat template \"\(name)\""
        let advice = "Fetch it again from where the model came from, or write another into a chat_template.jinja"
        return Self(
            error.code == .tooLarge ? .tooLarge : .badTemplate,
            "the \(which) cannot be read: \(error). \(advice)"
        )
    }

    fileprivate static func templateFailed(_ error: JinjaError) -> Self {
        switch error.code {
        case .raised: Self(.templateFailed, error.message)
        case .tooLarge: Self(.tooLarge, "the chat template: \(error)")
        case _:
            Self(
                .templateFailed,
                "the chat template fails on this conversation: \(error). Check that the messages are what the model's "
                    + "template expects"
            )
        }
    }
}
