internal import StrictJSON

/// How a normalised text is cut into the words that the model merges within.
indirect enum PreTokenizer: Sendable {
    case sequence([PreTokenizer])
    case split(Needle, SplitBehavior, invert: Bool)
    /// Cuts by GPT-2's expression where `cuts` is true, and writes bytes in the byte alphabet.
    case byteLevel(addsSpace: Bool, cuts: Bool)
    case metaspace(Metaspace)
    case digits(individually: Bool)
    case punctuation(SplitBehavior)
    case whitespace

    static let supported = [
        "Sequence", "Split", "ByteLevel", "Metaspace", "Digits", "Punctuation", "WhitespaceSplit",
        "BertPreTokenizer",
    ]

    init(_ json: JSON) throws(TokenizerError) {
        let kind = json["type"]?.string ?? ""
        switch kind {
        case "Sequence":
            var steps: [PreTokenizer] = []
            for step in try json.steps("pretokenizers") { steps.append(try PreTokenizer(step)) }
            self = .sequence(steps)
        case "Split":
            let behavior = try SplitBehavior(json["behavior"])
            self = .split(try Needle(json), behavior, invert: json["invert"]?.bool ?? false)
        case "ByteLevel":
            self = .byteLevel(
                addsSpace: json["add_prefix_space"]?.bool ?? true,
                cuts: json["use_regex"]?.bool ?? true
            )
        case "Metaspace": self = .metaspace(try Metaspace(json))
        case "Digits": self = .digits(individually: json["individual_digits"]?.bool ?? false)
        case "Punctuation": self = .punctuation(try json["behavior"].map(SplitBehavior.init) ?? .isolated)
        case "WhitespaceSplit": self = .whitespace
        case "BertPreTokenizer": self = .sequence([.whitespace, .punctuation(.isolated)])
        case _: throw .unknownKind(kind, of: "pre_tokenizer", supported: Self.supported)
        }
    }

    /// Cuts `text`, all but the writing in the byte alphabet where that is the last step: see `endsInBytes`.
    func apply(to text: inout PreTokenizedText, writesBytes: Bool) throws(TokenizerError) {
        switch self {
        case .sequence(let steps):
            for (index, step) in steps.enumerated() {
                try step.apply(to: &text, writesBytes: writesBytes || index + 1 < steps.count)
            }
        case .split(let needle, let behavior, let invert):
            try text.split(behavior, invert: invert, needle.forEachMatch)
        case .byteLevel(let addsSpace, let cuts):
            if addsSpace {
                try text.rewrite { piece, _, written in
                    if piece.first != UInt8(ascii: " ") { written.append(UInt8(ascii: " ")) }
                    written.append(contentsOf: piece)
                }
            }
            if cuts {
                let pattern = try Self.gpt2.get()
                try text.split(.isolated, pattern.forEachMatch)
            }
            if writesBytes { try text.rewrite { piece, _, written in ByteAlphabet.write(piece, into: &written) } }
        case .metaspace(let metaspace): try metaspace.apply(to: &text)
        case .digits(let individually):
            try text.split(individually ? .isolated : .contiguous, CharacterClass.numeric.forEachMatch)
        case .punctuation(let behavior): try text.split(behavior, CharacterClass.punctuation.forEachMatch)
        case .whitespace: try text.split(.removed, CharacterClass.whitespace.forEachMatch)
        }
    }

    /// Whether the last step writes bytes in the byte alphabet. The model then takes raw bytes, which is the same and faster.
    var endsInBytes: Bool {
        switch self {
        case .byteLevel: true
        case .sequence(let steps): steps.last?.endsInBytes ?? false
        case .split, .metaspace, .digits, .punctuation, .whitespace: false
        }
    }

    /// The expression of GPT-2's tokenizer, which `use_regex` stands for: contractions, then words, numbers and marks with
    /// the space before them, then other space.
    private static let gpt2 = Result { () throws(TokenizerError) in
        try Pattern(Array(KnownExpression.gpt2Expression.utf8))
    }
}
