import StrictJSON

@testable import Tokenizer

func json(_ text: String) throws -> JSON { try JSON(parsing: text.utf8) }

/// A small file of byte-pair encoding whose parts a test replaces: the letters a, b, c, a space, "ab" and "abc".
struct SmallFile {
    var model = """
        {"type": "BPE", "unk_token": null, "vocab": {"a": 0, "b": 1, "c": 2, " ": 3, "ab": 4, "abc": 5},
         "merges": [["a", "b"], ["ab", "c"]]}
        """
    var normalizer = "null"
    var preTokenizer = "null"
    var postProcessor = "null"
    var decoder = #"{"type": "Fuse"}"#
    var addedTokens = "[]"

    var text: String {
        """
        {"version": "1.0", "added_tokens": \(addedTokens), "normalizer": \(normalizer), "pre_tokenizer": \(preTokenizer),
         "post_processor": \(postProcessor), "decoder": \(decoder), "model": \(model)}
        """
    }

    func tokenizer() throws -> Tokenizer { try Tokenizer(json: Array(text.utf8)) }
}

/// Numbers that a seed decides: SplitMix64.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Up to 60 characters from all planes, spaces and line ends among them.
    mutating func text() -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...60, using: &self) {
            let bound: UInt32 = [0x80, 0x80, 0x800, 0x10000, 0x110000].randomElement(using: &self) ?? 0x80
            if let scalar = Unicode.Scalar(UInt32.random(in: 0..<bound, using: &self)) { text.append(scalar) }
        }
        return String(text)
    }
}
