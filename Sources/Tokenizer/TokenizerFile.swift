internal import StrictJSON

extension Tokenizer {
    /// Reads the content of a `tokenizer.json`.
    public init(json: [UInt8]) throws(TokenizerError) {
        self = try json.withBytes { bytes throws(TokenizerError) in try Tokenizer(json: UnsafeRawBufferPointer(bytes)) }
    }

    /// Reads the content of a `tokenizer.json` in place; the bytes are not needed afterwards.
    public init(json: UnsafeRawBufferPointer) throws(TokenizerError) {
        guard json.count <= Limits.fileBytes else { throw .fileTooLarge(json.count) }
        let file: JSON
        do {
            file = try JSON(parsing: json)
        } catch {
            throw error.code == .tooLarge
                ? TokenizerError(.tooLarge, "the tokenizer file cannot be held: \(error)")
                : .corrupt("it is not JSON: \(error)")
        }
        try self.init(file)
    }

    private init(_ file: JSON) throws(TokenizerError) {
        guard let model = file["model"] else { throw .corrupt("it has no \"model\"") }
        var added: [AddedToken] = []
        for token in file["added_tokens"]?.array ?? [] { added.append(try AddedToken(token)) }
        try AddedToken.checkBounds(added)
        var vocabulary = try Vocabulary(model["vocab"]?.members ?? [])
        let modelVocabulary = vocabulary
        for token in added { try vocabulary.insert(token.content, id: Int(token.id)) }

        let preTokenizer = try file["pre_tokenizer"].map(PreTokenizer.init)
        let normalizer = try file["normalizer"].map(Normalizer.init)
        let raw = added.filter { !$0.isNormalized }
        let normalized = added.filter(\.isNormalized)
        var contents: [[UInt8]] = []
        for token in normalized { contents.append(try normalizer?.normalized(token.content) ?? token.content) }

        self.vocabulary = vocabulary
        self.specialIDs = Set(added.lazy.filter(\.isSpecial).map(\.id))
        let forms = zip(normalized, contents).lazy.filter { $0.content != $1 }.map { ($0.id, $1) }
        self.normalizedForms = Dictionary(forms, uniquingKeysWith: { first, _ in first })
        self.rawTokens = AddedTokenMatcher(raw, contents: raw.map(\.content))
        self.normalizedTokens = AddedTokenMatcher(normalized, contents: contents)
        self.normalizer = normalizer
        self.preTokenizer = preTokenizer
        self.model = try WordModel(model, modelVocabulary, bytes: preTokenizer?.endsInBytes ?? false)
        self.postProcessor = try file["post_processor"].map(PostProcessor.init) ?? PostProcessor()
        self.decoder = try file["decoder"].map(Decoder.init)
    }
}

extension TokenizerError {
    static func fileTooLarge(_ size: Int) -> Self {
        Self(
            .tooLarge,
            "the tokenizer file has \(size) bytes, more than \(Limits.fileBytes). Check that it is a tokenizer.json"
        )
    }
}

extension JSON {
    /// The steps of a sequence.
    ///
    /// - Throws: `tooLarge` beyond `Limits.steps`.
    func steps(_ key: String) throws(TokenizerError) -> [JSON] {
        let steps = self[key]?.array ?? []
        guard steps.count <= Limits.steps else {
            throw TokenizerError(.tooLarge, "the tokenizer has \(steps.count) \(key) in one sequence")
        }
        return steps
    }
}
