internal import GGUF

extension Tokenizer {
    /// Reads the vocabulary inside a GGUF file, whose header and metadata alone are looked at.
    ///
    /// It encodes as llama.cpp does with special tokens parsed, and decodes as Hugging Face does. A normaliser is not
    /// among what GGUF keeps, so that Qwen's composing of characters (NFC) is left out as llama.cpp leaves it out.
    ///
    /// - Throws: `corrupt`, `tooLarge`, or `unsupported`, naming the kind of vocabulary and those that are known.
    init(gguf file: GGUFFile) throws(TokenizerError) {
        let vocabulary = try GGUFVocabulary(file)
        switch vocabulary.model {
        case "gpt2": try self.init(bytePairs: vocabulary)
        case "llama": try self.init(scored: vocabulary)
        case "bert": try self.init(wordPieces: vocabulary)
        case let kind: throw .unknownKind(kind, of: "tokenizer.ggml.model", supported: ["gpt2", "llama", "bert"])
        }
    }

    /// Byte-level byte-pair encoding with merges, as GPT-2, Llama 3 and Qwen have it.
    private init(bytePairs file: GGUFVocabulary) throws(TokenizerError) {
        let kind = try GGUFPreTokenizer(named: file.text("pre") ?? "default")
        let merges = try BytePairModel.merges(try file.texts("merges"), file.vocabulary)
        self.init(
            file,
            normalizer: nil,
            preTokenizer: try kind.preTokenizer(),
            model: .bytePairs(BytePairModel(merges, file.vocabulary, ignoresMerges: kind.ignoresMerges)),
            postProcessor: try file.postProcessor(addsBeginning: kind.addsBeginning, begin: 11, end: 11),
            decoder: .byteLevel
        )
    }

    /// SentencePiece's byte-pair encoding, whose tokens have scores in place of merges, as Llama 2 and Gemma have it.
    private init(scored file: GGUFVocabulary) throws(TokenizerError) {
        let mark = Array("▁".utf8)
        let space = [UInt8(ascii: " ")]
        let addsSpace = try file.flag("add_space_prefix") ?? true
        let escape = Normalizer.replace(.literal(space), with: mark)
        let unescape = Decoder.replace(.literal(mark), with: space)
        let unknown = try file.id("unknown_token_id") ?? 0
        self.init(
            file,
            normalizer: addsSpace ? .sequence([.prepend(mark), escape]) : escape,
            preTokenizer: nil,
            model: .bytePairs(
                try BytePairModel(
                    MergeTable(scores: file.scores(), of: file.vocabulary),
                    file.vocabulary,
                    unknown: file.vocabulary.token(unknown) == nil ? nil : unknown
                )
            ),
            postProcessor: try file.postProcessor(addsBeginning: true, begin: 1, end: 2),
            decoder: .sequence(
                [unescape, .byteFallback, .fuse] + (addsSpace ? [.strip(character: space, start: 1, stop: 0)] : [])
            )
        )
    }

    /// BERT's word pieces. llama.cpp puts its two tokens around every text, whatever the file says.
    private init(wordPieces file: GGUFVocabulary) throws(TokenizerError) {
        let mark = Array("▁".utf8)
        let lowercases = try file.flag("normalizer.lowercase") ?? true
        let stripsAccents = try file.flag("normalizer.strip_accents") ?? lowercases
        let alone = Set(file.added.map(\.content))
        self.init(
            file,
            normalizer: .ggufWords(GGUFWordNormalizer(lowercases: lowercases, stripsAccents: stripsAccents)),
            preTokenizer: .split(.literal([UInt8(ascii: " ")]), .removed, invert: false),
            model: .wordPieces(
                try WordPieceModel(file.vocabulary, beginning: mark, unknown: file.id("unknown_token_id") ?? 100)
            ),
            postProcessor: PostProcessor(
                before: [try file.around("bos_token_id", try file.id("cls_token_id") ?? 101)],
                behind: [try file.around("seperator_token_id", 102)]
            ),
            decoder: .wordPiece(WordPieceDecoder(.beginning(mark, alone: alone), cleansUp: true))
        )
    }

    private init(
        _ file: GGUFVocabulary,
        normalizer: Normalizer?,
        preTokenizer: PreTokenizer?,
        model: WordModel,
        postProcessor: PostProcessor,
        decoder: Decoder
    ) {
        self.vocabulary = file.vocabulary
        self.specialIDs = Set(file.added.lazy.filter(\.isSpecial).map(\.id))
        self.normalizedForms = [:]
        self.rawTokens = AddedTokenMatcher(file.added, contents: file.added.map(\.content))
        self.normalizedTokens = AddedTokenMatcher([], contents: [])
        self.normalizer = normalizer
        self.preTokenizer = preTokenizer
        self.model = model
        self.postProcessor = postProcessor
        self.decoder = decoder
    }
}
