/// One call of `encode`: the ids so far, and the words whose ids are known already.
struct Encoding {
    private let tokenizer: Tokenizer
    private(set) var ids: [UInt32] = []
    private var scratch = BytePairModel.Scratch()
    private var known = WordCache()

    init(tokenizer: Tokenizer) {
        self.tokenizer = tokenizer
    }

    /// Appends the ids of the whole input.
    mutating func append(_ input: [UInt8]) throws(TokenizerError) {
        for segment in tokenizer.rawTokens.segments(of: input) {
            switch segment {
            case .token(let id): ids.append(id)
            case .text(let range): try appendRaw(Array(input[range]), startsInput: range.lowerBound == 0)
            }
        }
    }

    private mutating func appendRaw(_ raw: [UInt8], startsInput: Bool) throws(TokenizerError) {
        let text = try tokenizer.normalizer?.normalized(raw) ?? raw
        for segment in tokenizer.normalizedTokens.segments(of: text) {
            switch segment {
            case .token(let id): ids.append(id)
            case .text(let range):
                try appendWords(of: Array(text[range]), startsInput: startsInput && range.lowerBound == 0)
            }
        }
    }

    private mutating func appendWords(of text: [UInt8], startsInput: Bool) throws(TokenizerError) {
        var words = PreTokenizedText(text, startsInput: startsInput)
        try tokenizer.preTokenizer?.apply(to: &words, writesBytes: false)
        let pieces = words.pieces
        try words.bytes.withBytes { bytes throws(TokenizerError) in
            for piece in pieces { append(piece: UnsafeBufferPointer(rebasing: bytes[piece])) }
        }
    }

    private mutating func append(piece: UnsafeBufferPointer<UInt8>) {
        guard let mark = tokenizer.model.wordMark else { return append(word: piece) }
        var start = 0
        for end in piece.starts(of: mark) + [piece.count] {
            append(word: UnsafeBufferPointer(rebasing: piece[start..<end]))
            start = end
        }
    }

    private mutating func append(word: UnsafeBufferPointer<UInt8>) {
        guard !word.isEmpty, word.count <= WordCache.longestWord else {
            tokenizer.model.encode(word, into: &ids, scratch: &scratch)
            return
        }
        let hash = WordCache.hash(word)
        if known.append(word, hash, to: &ids) { return }
        let start = ids.count
        tokenizer.model.encode(word, into: &ids, scratch: &scratch)
        known.remember(word, hash, ids[start...])
    }
}
