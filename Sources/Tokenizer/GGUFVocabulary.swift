internal import GGUF

/// The keys `tokenizer.ggml.…` of a GGUF file: a list of tokens, what kind each is, and what stands around a text.
///
/// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md#tokenizer
struct GGUFVocabulary {
    /// What kind of vocabulary it is, as `tokenizer.ggml.model` says.
    let model: String
    let vocabulary: Vocabulary
    /// The tokens that are matched in the text as it stands.
    let added: [AddedToken]
    private let file: GGUFFile

    /// The values of `tokenizer.ggml.token_type`; those that are left out are found by encoding.
    private enum Kind {
        static let unknown = 2
        static let control = 3
        static let userDefined = 4
    }

    init(_ file: GGUFFile) throws(TokenizerError) {
        self.file = file
        guard let model = Self.value("model", in: file)?.string else {
            throw .corrupt("its tokenizer.ggml.model is missing or no text")
        }
        self.model = model
        let tokens = try Self.texts("tokens", in: file)
        self.vocabulary = try Vocabulary(tokens: tokens)
        added = try Self.added(tokens, in: file)
    }

    /// A text of the file, nil where it has none.
    func text(_ key: String) throws(TokenizerError) -> String? { try read(key, "a text", \.string) }

    func flag(_ key: String) throws(TokenizerError) -> Bool? { try read(key, "true or false", \.bool) }

    func texts(_ key: String) throws(TokenizerError) -> [[UInt8]] { try Self.texts(key, in: file) }

    /// The number of a token; nil where the file has none, and where it is beyond the vocabulary, as llama.cpp has it.
    func id(_ key: String) throws(TokenizerError) -> UInt32? {
        guard let id = try read(key, "a number", \.integer), vocabulary.tokens.indices.contains(id) else { return nil }
        return UInt32(id)
    }

    /// A score per token: the higher, the sooner a merge makes the token.
    func scores() throws(TokenizerError) -> [Float] {
        guard let scores = Self.value("scores", in: file)?.array?.floats, scores.count == vocabulary.tokens.count,
            !scores.contains(where: \.isNaN)
        else { throw .corrupt("its tokenizer.ggml.scores are not one number per token") }
        return scores
    }

    /// The tokens around a text.
    ///
    /// - Parameter addsBeginning: whether there is one before it where the file does not say.
    /// - Parameters begin, end: the tokens where the file does not say; they come with the kind of vocabulary.
    func postProcessor(addsBeginning: Bool, begin: UInt32, end: UInt32) throws(TokenizerError) -> PostProcessor {
        PostProcessor(
            before: try flag("add_bos_token") ?? addsBeginning ? [try around("bos_token_id", begin)] : [],
            behind: try flag("add_eos_token") ?? false ? [try around("eos_token_id", end)] : []
        )
    }

    /// The number of a token that stands around a text.
    ///
    /// - Throws: `corrupt` when it is no token.
    func around(_ key: String, _ standard: UInt32) throws(TokenizerError) -> UInt32 {
        let id = try id(key) ?? standard
        guard vocabulary.token(id) != nil else { throw .corrupt("its \(key) is no token") }
        return id
    }

    private func read<T>(
        _ key: String,
        _ kind: String,
        _ convert: (GGUFValue) -> T?
    ) throws(TokenizerError) -> T? {
        guard let value = Self.value(key, in: file) else { return nil }
        guard let converted = convert(value) else { throw .corrupt("its tokenizer.ggml.\(key) is not \(kind)") }
        return converted
    }

    private static func value(_ key: String, in file: GGUFFile) -> GGUFValue? { file.metadata["tokenizer.ggml." + key] }

    private static func texts(_ key: String, in file: GGUFFile) throws(TokenizerError) -> [[UInt8]] {
        guard let array = value(key, in: file)?.array else { throw .corrupt("it lacks the list tokenizer.ggml.\(key)") }
        guard array.count <= Limits.vocabulary else {
            throw TokenizerError(.tooLarge, "the tokenizer has \(array.count) \(key), more than \(Limits.vocabulary)")
        }
        guard let texts = array.texts else { throw .corrupt("its tokenizer.ggml.\(key) are no texts") }
        return texts.map(\.bytes)
    }

    private static func added(_ tokens: [[UInt8]], in file: GGUFFile) throws(TokenizerError) -> [AddedToken] {
        guard let array = value("token_type", in: file)?.array else { return [] }
        guard array.count == tokens.count, let kinds = array.integers else {
            throw .corrupt("its tokenizer.ggml.token_type is not one number per token")
        }
        var added: [AddedToken] = []
        let strips = stripsSpaceBehindSpecials(file)
        for (id, kind) in kinds.enumerated() {
            guard [Kind.unknown, Kind.control, Kind.userDefined].contains(kind), !tokens[id].isEmpty else { continue }
            let isKept = [Array("<unk>".utf8), Array("<s>".utf8), Array("<|endoftext|>".utf8)].contains(tokens[id])
            added.append(
                AddedToken(
                    id: UInt32(id),
                    content: tokens[id],
                    isSpecial: kind != Kind.userDefined,
                    stripsRight: strips && !isKept
                )
            )
        }
        try AddedToken.checkBounds(added)
        return added
    }

    /// Phi-3's special tokens take the space behind them along. GGUF has no place for that, so that llama.cpp goes by the
    /// model's name, and so do we.
    private static func stripsSpaceBehindSpecials(_ file: GGUFFile) -> Bool {
        let name = file.metadata["general.name"]?.string?.lowercased() ?? ""
        return name.contains("phi-3") || name.contains("phi3")
    }
}
