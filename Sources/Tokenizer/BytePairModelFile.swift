internal import StrictJSON

extension BytePairModel {
    /// Reads the `model` of a `tokenizer.json`.
    ///
    /// - Parameter bytes: whether the words are raw bytes, the byte alphabet being understood.
    init(_ json: JSON, _ vocabulary: Vocabulary, bytes: Bool) throws(TokenizerError) {
        for option in ["continuing_subword_prefix", "end_of_word_suffix"] {
            guard json[option]?.bytes?.isEmpty ?? true else {
                throw .unknownKind(option, of: "BPE option", supported: ["none"])
            }
        }
        switch json["dropout"] {
        case nil, .integer(0), .real(0): break
        case _: throw .unknownKind("dropout", of: "BPE option", supported: ["none"])
        }
        let merges = try Self.merges(json["merges"]?.array ?? [], vocabulary)
        let ignoresMerges = json["ignore_merges"]?.bool ?? false
        if bytes {
            self.init(merges, vocabulary, ignoresMerges: ignoresMerges)
            return
        }
        var fallback = Fallback(bytes: nil, unknown: nil, fusesUnknown: json["fuse_unk"]?.bool ?? false)
        if let unknown = json["unk_token"]?.bytes {
            guard let id = vocabulary.id(of: unknown) else {
                throw .corrupt("its unk_token \"\(String(decoding: unknown, as: UTF8.self))\" is no token")
            }
            fallback.unknown = id
        }
        if json["byte_fallback"]?.bool ?? false { fallback.bytes = Self.byteTokens(vocabulary) }
        self.init(
            symbols: .scalars(Self.scalarTable(vocabulary), fallback: fallback),
            merges: merges,
            wholeWords: ignoresMerges ? vocabulary.ids : nil,
            // A whole word that is a token must be seen whole.
            wordMark: ignoresMerges ? nil : Self.wordMark(vocabulary)
        )
    }

    /// A model whose words are raw bytes, its tokens being written in the byte alphabet.
    init(_ merges: MergeTable, _ vocabulary: Vocabulary, ignoresMerges: Bool) {
        let words = vocabulary.ids.lazy.map { (ByteAlphabet.read($0.key), $0.value) }
        self.init(
            symbols: .bytes(ByteAlphabet.encoded.map { vocabulary.id(of: $0) }),
            merges: merges,
            wholeWords: ignoresMerges ? Dictionary(words, uniquingKeysWith: { first, _ in first }) : nil,
            wordMark: nil
        )
    }

    /// A model of SentencePiece's kind: a character that is no token becomes its bytes, else `unknown`.
    init(_ merges: MergeTable, _ vocabulary: Vocabulary, unknown: UInt32?) {
        let fallback = Fallback(bytes: Self.byteTokens(vocabulary), unknown: unknown, fusesUnknown: true)
        self.init(
            symbols: .scalars(Self.scalarTable(vocabulary), fallback: fallback),
            merges: merges,
            wholeWords: nil,
            wordMark: Self.wordMark(vocabulary)
        )
    }

    private static func merges(
        _ elements: [JSON],
        _ vocabulary: Vocabulary
    ) throws(TokenizerError) -> MergeTable {
        var pairs: [(left: [UInt8], right: [UInt8])] = []
        pairs.reserveCapacity(elements.count)
        for (rank, element) in elements.enumerated() {
            guard let pair = element.pair else { throw .corrupt("merge \(rank) is not a pair of tokens") }
            pairs.append(pair)
        }
        return try merges(pairs, vocabulary)
    }

    /// The merges of a GGUF file: "a b", the first of which may be a space itself.
    static func merges(_ texts: [[UInt8]], _ vocabulary: Vocabulary) throws(TokenizerError) -> MergeTable {
        var pairs: [(left: [UInt8], right: [UInt8])] = []
        pairs.reserveCapacity(texts.count)
        for (rank, text) in texts.enumerated() {
            guard let cut = text.dropFirst().firstIndex(of: UInt8(ascii: " ")), cut + 1 < text.count else {
                throw .corrupt("merge \(rank) is not a pair of tokens")
            }
            pairs.append((Array(text[..<cut]), Array(text[(cut + 1)...])))
        }
        return try merges(pairs, vocabulary)
    }

    private static func merges(
        _ pairs: [(left: [UInt8], right: [UInt8])],
        _ vocabulary: Vocabulary
    ) throws(TokenizerError) -> MergeTable {
        guard pairs.count <= Limits.vocabulary else {
            let message = "the tokenizer has \(pairs.count) merges, more than \(Limits.vocabulary)"
            throw TokenizerError(.tooLarge, message)
        }
        var table = MergeTable(capacity: pairs.count)
        for (rank, (left, right)) in pairs.enumerated() {
            guard let first = vocabulary.id(of: left), let second = vocabulary.id(of: right),
                let result = vocabulary.id(of: left + right)
            else { throw .corrupt("merge \(rank) names a token that the vocabulary lacks") }
            table.insert(first, second, .init(rank: UInt32(rank), result: result))
        }
        return table
    }

    private static func wordMark(_ vocabulary: Vocabulary) -> [UInt8]? {
        let mark = Array("▁".utf8)
        guard vocabulary.id(of: mark) != nil else { return nil }
        let crosses = vocabulary.ids.keys.contains { !$0.starts(of: mark).isEmpty }
        return crosses ? nil : mark
    }

    private static func scalarTable(_ vocabulary: Vocabulary) -> [Unicode.Scalar: UInt32] {
        var table: [Unicode.Scalar: UInt32] = [:]
        for (token, id) in vocabulary.ids where token.count <= 4 {
            let scalars = String(decoding: token, as: UTF8.self).unicodeScalars
            if scalars.count == 1, let scalar = scalars.first { table[scalar] = id }
        }
        return table
    }

    /// The tokens `<0x00>`…`<0xFF>`; nil without all 256, since a character could then lose some of its bytes.
    private static func byteTokens(_ vocabulary: Vocabulary) -> [UInt32]? {
        let bytes = (UInt8.min...UInt8.max).compactMap { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return vocabulary.id(of: Array("<0x\(digits.count < 2 ? "0" : "")\(digits)>".utf8))
        }
        return bytes.count == 256 ? bytes : nil
    }
}

extension JSON {
    /// The two tokens of a merge: `["a", "b"]`, or "a b" as older files write it.
    fileprivate var pair: (left: [UInt8], right: [UInt8])? {
        switch self {
        case .array(let tokens):
            guard tokens.count == 2, let left = tokens[0].bytes, let right = tokens[1].bytes else { return nil }
            return (left, right)
        case .string(let text):
            let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
            return (Array(parts[0]), Array(parts[1]))
        case .null, .bool, .integer, .real, .object: return nil
        }
    }
}
