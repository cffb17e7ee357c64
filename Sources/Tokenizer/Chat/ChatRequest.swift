internal import Jinja
internal import StrictJSON

/// A conversation as JSON, made into what transformers hands to a template.
enum ChatRequest {
    /// - Throws: `badConversation` where it is no object, or its messages are none.
    static func variables(of request: JSON) throws(TokenizerError) -> [String: Value] {
        guard let members = request.members, let messages = request["messages"]?.array, !messages.isEmpty else {
            throw .badConversation("it needs \"messages\", an array of at least one")
        }
        // A template can ask whether these are none, so they are there even where nobody gave them.
        var variables: [String: Value] = ["tools": .none, "documents": .none, "add_generation_prompt": .boolean(false)]
        for member in members where member.key != "messages" { variables[member.key] = Value(member.value) }
        var prepared: [Value] = []
        for message in messages { prepared.append(try prepare(message)) }
        variables["messages"] = .list(List(prepared))
        return variables
    }

    /// The names under which a message's reasoning is passed; the first is what most templates read.
    private static let reasoningNames = ["reasoning_content", "thinking", "reasoning"]

    /// A message without what is null, which many templates would print, and with its reasoning under the names that
    /// templates read.
    private static func prepare(_ message: JSON) throws(TokenizerError) -> Value {
        guard let members = message.members else {
            throw .badConversation("each message is an object, such as {\"role\": \"user\", \"content\": \"Hello\"}")
        }
        var result = members.filter { !$0.value.isNull }
        if let reasoning = reasoningNames.lazy.compactMap({ message[$0] }).first {
            if message["thinking"] == nil { result.insert(JSON.Member("thinking", reasoning), at: 0) }
            if let index = result.firstIndex(where: { $0.key == "reasoning_content" }) {
                result[index].value = reasoning
            } else {
                result.append(JSON.Member("reasoning_content", reasoning))
            }
        }
        return Value(.object(result))
    }
}

extension Value {
    /// A document as Python's `json` gives it. `JSON` bounds its depth, size and numbers.
    init(_ json: JSON) {
        switch json {
        case .null: self = .none
        case .bool(let flag): self = .boolean(flag)
        case .integer(let number): self = .integer(number)
        case .real(let number): self = .float(number)
        case .string(let text): self = .string(text)
        case .array(let elements): self = .list(List(elements.map(Value.init)))
        case .object(let members): self = .dictionary(Mapping(members.map { (key: $0.key, value: Value($0.value)) }))
        }
    }
}

extension TokenizerError {
    fileprivate static func badConversation(_ what: String) -> Self {
        Self(.badConversation, "the conversation cannot be rendered: \(what)")
    }
}
