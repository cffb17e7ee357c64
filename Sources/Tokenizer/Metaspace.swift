internal import StrictJSON

/// SentencePiece's way with spaces: each becomes a visible mark, "▁", and a mark is put before the text.
struct Metaspace: Sendable {
    /// Before which pieces the mark is put.
    enum Prefix: String {
        case always
        case first
        case never
    }

    let mark: [UInt8]
    let prefix: Prefix
    /// Whether the text is cut before each mark.
    let cuts: Bool

    init(_ json: JSON) throws(TokenizerError) {
        mark = json["replacement"]?.bytes ?? Array("▁".utf8)
        guard String(decoding: mark, as: UTF8.self).unicodeScalars.count == 1 else {
            throw .corrupt("its Metaspace mark is not one character")
        }
        cuts = json["split"]?.bool ?? true
        // Files from before the scheme existed state a flag.
        let standard = json["add_prefix_space"]?.bool ?? true ? "always" : "never"
        let name = json["prepend_scheme"]?.string ?? standard
        guard let prefix = Prefix(rawValue: name) else {
            throw .unknownKind(name, of: "prepend_scheme", supported: ["always", "first", "never"])
        }
        self.prefix = prefix
    }

    func apply(to text: inout PreTokenizedText) throws(TokenizerError) {
        let startsInput = text.startsInput
        try text.rewrite { piece, index, written in
            let wanted =
                switch prefix {
                case .always: true
                case .first: startsInput && index == 0
                case .never: false
                }
            let startsWithMark = piece.first == UInt8(ascii: " ") || piece.starts(with: mark)
            if wanted, !startsWithMark { written.append(contentsOf: mark) }
            for byte in piece {
                if byte == UInt8(ascii: " ") { written.append(contentsOf: mark) } else { written.append(byte) }
            }
        }
        if cuts { try text.split(.mergedWithNext, Needle.literal(mark).forEachMatch) }
    }

    /// The text of tokens: marks become spaces again, those of the first token vanish where a mark was put before the text.
    func decoded(_ tokens: [[UInt8]]) -> [[UInt8]] {
        tokens.enumerated().map { index, token in
            token.replacingAll(mark, with: index == 0 && prefix != .never ? [] : [0x20])
        }
    }
}

extension [UInt8] {
    /// The bytes with each occurrence of `wanted`, from left to right, replaced.
    func replacingAll(_ wanted: [UInt8], with content: [UInt8]) -> [UInt8] {
        guard let first = wanted.first, contains(first) else { return self }
        var result: [UInt8] = []
        var position = 0
        while position < count {
            if self[position...].starts(with: wanted) {
                result += content
                position += wanted.count
            } else {
                result.append(self[position])
                position += 1
            }
        }
        return result
    }
}
