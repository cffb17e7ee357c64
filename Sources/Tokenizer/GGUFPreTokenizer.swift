/// How a vocabulary of a GGUF file cuts texts into words: its `tokenizer.ggml.pre` names it.
///
/// GGUF keeps no expressions, only names that llama.cpp gave to tokenizers. The expressions are those of the models' own
/// `tokenizer.json` where that is one expression, else what llama.cpp runs for the name.
struct GGUFPreTokenizer: Sendable {
    /// Each cuts the pieces that the one before it left; what no match covers stays a piece.
    let expressions: [String]
    /// Whole words that are tokens are taken whatever the merges say.
    var ignoresMerges = false
    /// Whether a text begins with the beginning token where the file does not say.
    var addsBeginning = false

    /// - Throws: `unsupported`, naming the kind and those that are known.
    init(named name: String) throws(TokenizerError) {
        guard let known = Self.kinds.first(where: { $0.names.contains(name) }) else {
            let names = Self.kinds.flatMap(\.names).sorted()
            throw .unknownKind(name, of: "tokenizer.ggml.pre", supported: names)
        }
        self = known.kind
    }

    private init(_ expressions: String..., ignoresMerges: Bool = false, addsBeginning: Bool = false) {
        self.expressions = expressions
        self.ignoresMerges = ignoresMerges
        self.addsBeginning = addsBeginning
    }

    /// The steps as a pre-tokenizer, the writing in the byte alphabet being the last.
    func preTokenizer() throws(TokenizerError) -> PreTokenizer {
        var steps: [PreTokenizer] = []
        for expression in expressions {
            steps.append(.split(.expression(try Pattern(Array(expression.utf8))), .isolated, invert: false))
        }
        return .sequence(steps + [.byteLevel(addsSpace: false, cuts: false)])
    }
}

// MARK: The kinds

extension GGUFPreTokenizer {
    private static let kinds: [(names: Set<String>, kind: GGUFPreTokenizer)] = [
        (["default", ""], GGUFPreTokenizer(#"[\p{P}\$\+<=>\^~\|]+"#, gpt2, #"\p{N}+"#, "[0-9][0-9][0-9]")),
        (
            ["gpt-2", "phi-2", "mpt", "olmo", "jais", "roberta-bpe", "exaone4", "mellum", "modern-bert", "trillion"],
            GGUFPreTokenizer(gpt2)
        ),
        (
            ["starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"],
            GGUFPreTokenizer(#"\p{N}"#, gpt2)
        ),
        (["falcon"], GGUFPreTokenizer(#"[\p{P}\$\+<=>\^~\|`]+"#, gpt2, "[0-9][0-9][0-9]")),
        (
            ["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "lfm2"],
            GGUFPreTokenizer(modern(digits: #"\p{N}{1,3}"#), ignoresMerges: true, addsBeginning: true)
        ),
        (["dbrx", "smaug-bpe", "chatglm-bpe"], GGUFPreTokenizer(modern(digits: #"\p{N}{1,3}"#))),
        (["glm4"], GGUFPreTokenizer(modern(digits: #"\p{N}{1,3}"#), ignoresMerges: true)),
        (
            ["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan", "grok-2"],
            GGUFPreTokenizer(modern(digits: #"\p{N}"#))
        ),
        (["deepseek-llm"], deepSeekLLM),
        (
            ["deepseek-coder"],
            GGUFPreTokenizer(#"[\r\n]"#, #"\s?\p{L}+"#, #"\s?\p{P}+"#, cjk, #"\p{N}"#)
        ),
        (["deepseek-v3", "hunyuan-dense"], deepSeekV3),
        (
            ["tekken"],
            GGUFPreTokenizer(cased(contractions: "", digits: #"\p{N}"#), ignoresMerges: true, addsBeginning: true)
        ),
        (
            ["gpt-4o", "llama4"],
            GGUFPreTokenizer(cased(contractions: #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#, digits: #"\p{N}{1,3}"#))
        ),
    ]

    /// GPT-2's expression. Its last alternative, other space, is what no match covers.
    private static let gpt2 = KnownExpression.gpt2ExpressionWithoutSpace

    /// The expression of Llama 3 and Qwen 2, which differ in how many digits make a word.
    private static func modern(digits: String) -> String {
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
            + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    /// The expression of GPT-4o and Mistral's Tekken, which cuts before a capital inside a word.
    private static func cased(contractions: String, digits: String) -> String {
        #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"# + contractions
            + #"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"# + contractions
            + "|" + digits + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    private static let cjk = #"[\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+"#

    /// The letters with case that DeepSeek lists: Latin, Greek, Cyrillic, Armenian, Georgian, Cherokee, Glagolitic, Coptic,
    /// Deseret, Osage, Warang Citi and Adlam. By their numbers, since editors change some of them into look-alikes.
    private static let casedLetters =
        #"A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF}"#
        + #"\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}"#
        + #"\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}"#
        + #"\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}"#
        + #"\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}"#
        + #"\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}"#
        + #"\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}"#
        + #"\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}"#
        + #"\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}"#
        + #"\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}"#
        + #"\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}"#
        + #"\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}"#
        + #"\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}"#
        + #"\x{1E900}-\x{1E943}"#

    private static let deepSeekLLM = GGUFPreTokenizer(
        #"[\r\n]"#,
        #"\s?["# + casedLetters + "]+",
        #"\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+"#,
        #"\s+$"#,
        cjk,
        #"\p{N}+"#
    )

    private static let deepSeekV3 = GGUFPreTokenizer(
        #"\p{N}{1,3}"#,
        #"[\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+"#,
        ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##
            + #"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    )
}
