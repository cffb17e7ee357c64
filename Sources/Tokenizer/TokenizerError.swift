/// Why a tokenizer could not be made or a text not be encoded, and what to do next.
public struct TokenizerError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The file is missing or cannot be read.
        case unreadable
        /// The file is not what a tokenizer must be: broken JSON, a merge of unknown tokens, two tokens of one id.
        case corrupt
        /// The file is sound, but of a kind that this package does not know.
        case unsupported
        /// The file or the text exceeds one of `Limits`.
        case tooLarge
        /// A regular expression of the tokenizer gave up on this text.
        case patternFailed
        /// The model has no chat template.
        case noTemplate
        /// The chat template is not one.
        case badTemplate
        /// What is to be rendered is no conversation.
        case badConversation
        /// The chat template refuses the conversation, or fails on it.
        case templateFailed
    }

    public let code: Code
    public let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(message) (\(code.rawValue))" }
}

extension TokenizerError {
    /// A part of the file whose kind is not known: names the kind and those that are.
    static func unknownKind(_ kind: String, of part: String, supported: [String]) -> Self {
        Self(
            .unsupported,
            "the tokenizer has a \(part) of kind \"\(kind)\"; supported are \(supported.joined(separator: ", ")). "
                + "Choose a model with a byte-level or SentencePiece-style BPE tokenizer, or BERT's word pieces"
        )
    }

    static let grownTooLarge = Self(
        .tooLarge,
        "the tokenizer makes the text many times longer than it is. Shorten the text, or check the steps of tokenizer.json"
    )

    static func corrupt(_ what: String) -> Self {
        Self(.corrupt, "the tokenizer file is damaged: \(what). Fetch it again from where the model came from")
    }
}
