internal import StrictJSON

/// How tokens become text again: steps over a list of pieces, whose results are joined.
indirect enum Decoder: Sendable {
    case sequence([Decoder])
    case byteLevel
    case metaspace(Metaspace)
    case replace(Needle, with: [UInt8])
    /// Runs of `<0x00>`…`<0xFF>` become the text that their bytes encode, or one U+FFFD a byte where they encode none.
    case byteFallback
    case fuse
    /// Takes up to `start` times `character` from the front of each piece and `stop` times from its end.
    case strip(character: [UInt8], start: Int, stop: Int)
    case wordPiece(WordPieceDecoder)

    static let supported = [
        "Sequence", "ByteLevel", "Metaspace", "Replace", "ByteFallback", "Fuse", "Strip", "WordPiece",
    ]

    init(_ json: JSON) throws(TokenizerError) {
        let kind = json["type"]?.string ?? ""
        switch kind {
        case "Sequence":
            var steps: [Decoder] = []
            for step in try json.steps("decoders") { steps.append(try Decoder(step)) }
            self = .sequence(steps)
        case "ByteLevel": self = .byteLevel
        case "Metaspace": self = .metaspace(try Metaspace(json))
        case "Replace": self = .replace(try Needle(json), with: try Needle.replacement(json))
        case "ByteFallback": self = .byteFallback
        case "Fuse": self = .fuse
        case "Strip":
            self = .strip(
                character: json["content"]?.bytes ?? [],
                start: json["start"]?.integer ?? 0,
                stop: json["stop"]?.integer ?? 0
            )
        case "WordPiece": self = .wordPiece(WordPieceDecoder(json))
        case _: throw .unknownKind(kind, of: "decoder", supported: Self.supported)
        }
    }

    /// - Throws: `patternFailed` when an expression gives up, `tooLarge` when the text grows beyond `Limits.grownBytes`.
    func decoded(_ pieces: [[UInt8]]) throws(TokenizerError) -> [[UInt8]] {
        try decoded(pieces, limit: Limits.grownBytes(pieces.reduce(0) { $0 + $1.count }))
    }

    private func decoded(_ pieces: [[UInt8]], limit: Int) throws(TokenizerError) -> [[UInt8]] {
        switch self {
        case .sequence(let steps):
            var current = pieces
            for step in steps { current = try step.decoded(current, limit: limit) }
            return current
        case .byteLevel: return [pieces.flatMap(ByteAlphabet.read).repaired]
        case .metaspace(let metaspace): return metaspace.decoded(pieces)
        case .replace(let needle, let content):
            var replaced: [[UInt8]] = []
            var rest = limit
            for piece in pieces {
                replaced.append(try needle.replacing(in: piece, with: content, limit: rest))
                rest -= replaced.last?.count ?? 0
            }
            return replaced
        case .wordPiece(let pieceDecoder): return try pieceDecoder.decoded(pieces, limit: limit)
        case .byteFallback: return Self.joiningBytes(pieces)
        case .fuse: return [Array(pieces.joined())]
        case .strip(let character, let start, let stop):
            return pieces.map { $0.stripping(character, start: start, stop: stop) }
        }
    }

    private static func joiningBytes(_ pieces: [[UInt8]]) -> [[UInt8]] {
        var joined: [[UInt8]] = []
        var run: [UInt8] = []
        func endRun() {
            guard !run.isEmpty else { return }
            let isText = String(validating: run, as: UTF8.self) != nil
            joined.append(isText ? run : Array(repeatElement("\u{FFFD}".utf8, count: run.count).joined()))
            run = []
        }
        for piece in pieces {
            if let byte = byte(of: piece) {
                run.append(byte)
            } else {
                endRun()
                joined.append(piece)
            }
        }
        endRun()
        return joined
    }

    /// The byte that a token of the form `<0x0A>` stands for.
    static func byte(of token: [UInt8]) -> UInt8? {
        guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
    }
}

extension [UInt8] {
    /// Valid UTF-8: each maximal part that is none becomes U+FFFD.
    fileprivate var repaired: [UInt8] {
        String(validating: self, as: UTF8.self) == nil ? Array(String(decoding: self, as: UTF8.self).utf8) : self
    }

    fileprivate func stripping(_ character: [UInt8], start: Int, stop: Int) -> [UInt8] {
        guard !character.isEmpty else { return self }
        var rest = self[...]
        var taken = 0
        while taken < start, rest.starts(with: character) {
            rest.removeFirst(character.count)
            taken += 1
        }
        taken = 0
        while taken < stop, rest.suffix(character.count) == character[...] {
            rest.removeLast(character.count)
            taken += 1
        }
        return Array(rest)
    }
}
