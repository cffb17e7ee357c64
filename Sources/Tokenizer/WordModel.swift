internal import StrictJSON

/// How a word becomes tokens.
enum WordModel: Sendable {
    case bytePairs(BytePairModel)
    case wordPieces(WordPieceModel)

    /// Reads the `model` of a `tokenizer.json`.
    ///
    /// - Parameter bytes: whether the words are raw bytes, the byte alphabet being understood.
    init(_ json: JSON, _ vocabulary: Vocabulary, bytes: Bool) throws(TokenizerError) {
        // The oldest files do not name the kind; only byte-pair encoding has merges.
        let kind = json["type"]?.string ?? (json["merges"] == nil ? "" : "BPE")
        switch kind {
        case "BPE": self = .bytePairs(try BytePairModel(json, vocabulary, bytes: bytes))
        case "WordPiece": self = .wordPieces(try WordPieceModel(json, vocabulary))
        case _: throw .unknownKind(kind, of: "model", supported: ["BPE", "WordPiece"])
        }
    }

    /// See `BytePairModel.wordMark`.
    var wordMark: [UInt8]? {
        switch self {
        case .bytePairs(let model): model.wordMark
        case .wordPieces: nil
        }
    }

    /// Appends the ids of one word.
    func encode(_ word: UnsafeBufferPointer<UInt8>, into ids: inout [UInt32], scratch: inout BytePairModel.Scratch) {
        switch self {
        case .bytePairs(let model): model.encode(word, into: &ids, scratch: &scratch)
        case .wordPieces(let model): model.encode(word, into: &ids)
        }
    }
}
