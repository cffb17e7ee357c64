internal import StrictJSON

/// The way back from word pieces: a space before every token that begins a word.
struct WordPieceDecoder: Sendable {
    /// How a vocabulary tells the tokens that begin a word from those that go on with one.
    enum Marks: Sendable {
        /// Hugging Face's: what goes on begins with these bytes.
        case continuing([UInt8])
        /// GGUF's: what begins a word begins with these bytes, or is one of a few that stand for themselves.
        case beginning([UInt8], alone: Set<[UInt8]>)
    }

    let marks: Marks
    /// Takes the space before marks and English contractions away again.
    let cleansUp: Bool

    init(_ marks: Marks, cleansUp: Bool) {
        self.marks = marks
        self.cleansUp = cleansUp
    }

    init(_ json: JSON) {
        self.init(.continuing(json["prefix"]?.bytes ?? Array("##".utf8)), cleansUp: json["cleanup"]?.bool ?? true)
    }

    /// - Throws: `tooLarge` when the text grows beyond `limit`.
    func decoded(_ pieces: [[UInt8]], limit: Int) throws(TokenizerError) -> [[UInt8]] {
        var result: [[UInt8]] = []
        result.reserveCapacity(pieces.count)
        var rest = limit
        for piece in pieces {
            var text = text(of: piece, isFirst: result.isEmpty)
            if cleansUp {
                for (dirty, clean) in Self.artefacts {
                    text = try Needle.literal(dirty).replacing(in: text, with: clean, limit: limit)
                }
            }
            rest -= text.count
            guard rest >= 0 else { throw .grownTooLarge }
            result.append(text)
        }
        return result
    }

    private func text(of piece: [UInt8], isFirst: Bool) -> [UInt8] {
        let space = isFirst ? [] : [UInt8(ascii: " ")]
        switch marks {
        case .continuing(let mark):
            // The first token of a text keeps its mark: it goes on with nothing.
            return !isFirst && piece.starts(with: mark) ? Array(piece.dropFirst(mark.count)) : space + piece
        case .beginning(let mark, let alone):
            if piece.starts(with: mark) { return space + piece.dropFirst(mark.count) }
            return alone.contains(piece) ? space + piece : piece
        }
    }

    private static let artefacts: [(dirty: [UInt8], clean: [UInt8])] = [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
        (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ].map { (Array($0.0.utf8), Array($0.1.utf8)) }
}
