internal import StrictJSON

/// BERT's word pieces: a word is the longest token that it begins with, then the longest that it goes on with, and so on.
/// Where none fits, the whole word is unknown.
///
/// Files tell the two kinds of tokens apart in one of two ways. Hugging Face marks those that go on with a word ("##ing"),
/// GGUF those that begin one ("▁walk", a space that the text need not have).
struct WordPieceModel: Sendable {
    private let tree: PieceTree
    private let unknown: UInt32
    /// Where the tokens are that begin a word, and those that go on with one; nil where there are none.
    private let beginning: PieceTree.Node?
    private let continuing: PieceTree.Node?
    /// A word of more characters is unknown.
    private let longestWord: Int

    /// Reads the `model` of a `tokenizer.json`.
    init(_ json: JSON, _ vocabulary: Vocabulary) throws(TokenizerError) {
        let name = json["unk_token"]?.bytes ?? Array("[UNK]".utf8)
        guard let unknown = vocabulary.id(of: name) else {
            throw .corrupt("its unk_token \"\(String(decoding: name, as: UTF8.self))\" is no token")
        }
        self.tree = try PieceTree(vocabulary)
        self.unknown = unknown
        self.beginning = PieceTree.root
        self.continuing = self.tree.node(of: json["continuing_subword_prefix"]?.bytes ?? Array("##".utf8))
        self.longestWord = json["max_input_chars_per_word"]?.integer ?? 100
    }

    /// A vocabulary of a GGUF file.
    init(_ vocabulary: Vocabulary, beginning mark: [UInt8], unknown: UInt32) throws(TokenizerError) {
        guard vocabulary.token(unknown) != nil else { throw .corrupt("its unknown_token_id is no token") }
        self.tree = try PieceTree(vocabulary)
        self.unknown = unknown
        self.beginning = self.tree.node(of: mark)
        self.continuing = PieceTree.root
        self.longestWord = .max
    }

    /// Appends the ids of one word.
    func encode(_ word: UnsafeBufferPointer<UInt8>, into ids: inout [UInt32]) {
        guard !word.isEmpty else { return }
        let start = ids.count
        // As many bytes are at least as many characters.
        let fits = word.count <= longestWord || word.characterCount <= longestWord
        if fits, appendPieces(of: word, to: &ids) { return }
        ids.removeSubrange(start...)
        ids.append(unknown)
    }

    private func appendPieces(of word: UnsafeBufferPointer<UInt8>, to ids: inout [UInt32]) -> Bool {
        // The mark that begins a word may be a token of its own, in front of the word's first byte.
        guard let beginning, let first = tree.longestToken(from: beginning, in: word, at: 0) else { return false }
        ids.append(first.id)
        var end = first.end
        while end < word.count {
            guard let continuing, let next = tree.longestToken(from: continuing, in: word, at: end), next.end > end
            else { return false }
            ids.append(next.id)
            end = next.end
        }
        return true
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Characters of this UTF-8.
    fileprivate var characterCount: Int { count { $0 & 0xC0 != 0x80 } }
}
