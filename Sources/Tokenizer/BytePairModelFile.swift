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
        merges = try Self.merges(json["merges"]?.array ?? [], vocabulary)
        symbols = bytes ? .bytes(Self.byteTable(vocabulary)) : try Self.scalarTable(json, vocabulary)
        let ignoresMerges = json["ignore_merges"]?.bool ?? false
        // A whole word that is a token must be seen whole.
        wordMark = bytes || ignoresMerges ? nil : Self.wordMark(vocabulary)
        wholeWords =
            !ignoresMerges
            ? nil
            : !bytes
                ? vocabulary.ids
                : Dictionary(
                    vocabulary.ids.map { (ByteAlphabet.read($0.key), $0.value) },
                    uniquingKeysWith: { first, _ in first }
                )
    }

    private static func merges(
        _ elements: [JSON],
        _ vocabulary: Vocabulary
    ) throws(TokenizerError) -> MergeTable {
        guard elements.count <= Limits.vocabulary else {
            let message = "the tokenizer has \(elements.count) merges, more than \(Limits.vocabulary)"
            throw TokenizerError(.tooLarge, message)
        }
        var table = MergeTable(capacity: elements.count)
        for (rank, element) in elements.enumerated() {
            guard let (left, right) = element.pair else { throw .corrupt("merge \(rank) is not a pair of tokens") }
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

    private static func byteTable(_ vocabulary: Vocabulary) -> [UInt32?] {
        ByteAlphabet.encoded.map { vocabulary.id(of: $0) }
    }

    private static func scalarTable(_ json: JSON, _ vocabulary: Vocabulary) throws(TokenizerError) -> Symbols {
        var table: [Unicode.Scalar: UInt32] = [:]
        for (token, id) in vocabulary.ids where token.count <= 4 {
            let scalars = String(decoding: token, as: UTF8.self).unicodeScalars
            if scalars.count == 1, let scalar = scalars.first { table[scalar] = id }
        }
        var fallback = Fallback(bytes: nil, unknown: nil, fusesUnknown: json["fuse_unk"]?.bool ?? false)
        if let unknown = json["unk_token"]?.bytes {
            guard let id = vocabulary.id(of: unknown) else {
                throw .corrupt("its unk_token \"\(String(decoding: unknown, as: UTF8.self))\" is no token")
            }
            fallback.unknown = id
        }
        if json["byte_fallback"]?.bool ?? false {
            let bytes = (UInt8.min...UInt8.max).compactMap { byte in
                let digits = String(byte, radix: 16, uppercase: true)
                return vocabulary.id(of: Array("<0x\(digits.count < 2 ? "0" : "")\(digits)>".utf8))
            }
            // Without all 256 a character could lose some of its bytes; then none is used.
            fallback.bytes = bytes.count == 256 ? bytes : nil
        }
        return .scalars(table, fallback: fallback)
    }
}

extension JSON {
    /// The two tokens of a merge: `["a", "b"]`, or "a b" as older files write it.
    fileprivate var pair: ([UInt8], [UInt8])? {
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
