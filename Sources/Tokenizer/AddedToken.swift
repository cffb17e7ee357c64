internal import StrictJSON

/// A token that is matched in the text as it stands, before any word is cut.
struct AddedToken: Sendable {
    let id: UInt32
    let content: [UInt8]
    /// Left out of decoded text on request: it says something about the text and is no part of it.
    let isSpecial: Bool
    /// Matches only where no word character touches it.
    let isSingleWord: Bool
    /// Takes the space before it along.
    let stripsLeft: Bool
    /// Takes the space behind it along.
    let stripsRight: Bool
    /// Is looked for in the normalised text and not in the raw one.
    let isNormalized: Bool

    /// A token of a GGUF file, which keeps little of what Hugging Face's files say.
    init(id: UInt32, content: [UInt8], isSpecial: Bool, stripsRight: Bool) {
        self.id = id
        self.content = content
        self.isSpecial = isSpecial
        isSingleWord = false
        stripsLeft = false
        self.stripsRight = stripsRight
        isNormalized = false
    }

    init(_ json: JSON) throws(TokenizerError) {
        guard let id = json["id"]?.integer, (0..<Limits.vocabulary).contains(id),
            let content = json["content"]?.bytes, !content.isEmpty
        else { throw .corrupt("an added token lacks its id or its content") }
        self.id = UInt32(id)
        self.content = content
        isSpecial = json["special"]?.bool ?? false
        isSingleWord = json["single_word"]?.bool ?? false
        stripsLeft = json["lstrip"]?.bool ?? false
        stripsRight = json["rstrip"]?.bool ?? false
        isNormalized = json["normalized"]?.bool ?? !isSpecial
    }

    /// - Throws: `tooLarge` when a search for all of `tokens` would need too large a tree.
    static func checkBounds(_ tokens: [AddedToken]) throws(TokenizerError) {
        guard tokens.count <= Limits.addedTokens else {
            throw TokenizerError(.tooLarge, "the tokenizer has \(tokens.count) added tokens")
        }
        let bytes = tokens.reduce(0) { $0 + $1.content.count }
        guard bytes <= Limits.addedTokenBytes else {
            throw TokenizerError(.tooLarge, "the tokenizer's added tokens have \(bytes) bytes together")
        }
    }
}
