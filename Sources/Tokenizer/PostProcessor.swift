internal import StrictJSON

/// The special tokens that are put before and behind an encoded text.
struct PostProcessor: Sendable {
    private(set) var before: [UInt32]
    private(set) var behind: [UInt32]

    static let supported = ["TemplateProcessing", "BertProcessing", "ByteLevel", "Sequence"]

    init(before: [UInt32] = [], behind: [UInt32] = []) {
        self.before = before
        self.behind = behind
    }

    init(_ json: JSON) throws(TokenizerError) {
        self.init()
        let kind = json["type"]?.string ?? ""
        switch kind {
        case "TemplateProcessing": try readTemplate(json)
        case "BertProcessing":
            before = [try Self.pair(json["cls"])]
            behind = [try Self.pair(json["sep"])]
        // Moves offsets only.
        case "ByteLevel": break
        case "Sequence":
            for step in try json.steps("processors") {
                let inner = try PostProcessor(step)
                before = inner.before + before
                behind += inner.behind
            }
        case _: throw .unknownKind(kind, of: "post_processor", supported: Self.supported)
        }
        try checkBounds()
    }

    private mutating func readTemplate(_ json: JSON) throws(TokenizerError) {
        var seenText = false
        for step in json["single"]?.array ?? [] {
            if step["Sequence"] != nil {
                guard !seenText else { throw .corrupt("the post_processor's template has the text twice") }
                seenText = true
            } else if let name = step["SpecialToken"]?["id"]?.bytes {
                let entry = json["special_tokens"]?.members?.first { $0.key.utf8.elementsEqual(name) }?.value
                for element in entry?["ids"]?.array ?? [] {
                    guard let id = element.integer, (0..<Limits.vocabulary).contains(id) else {
                        throw .corrupt("the post_processor names a special token without a number")
                    }
                    if seenText { behind.append(UInt32(id)) } else { before.append(UInt32(id)) }
                    try checkBounds()
                }
            }
        }
        guard seenText else { throw .corrupt("the post_processor's template lacks the text") }
    }

    /// The number in `["[CLS]", 101]`.
    private static func pair(_ json: JSON?) throws(TokenizerError) -> UInt32 {
        guard let pair = json?.array, pair.count == 2, let id = pair[1].integer, (0..<Limits.vocabulary).contains(id)
        else { throw .corrupt("the post_processor names a special token without a number") }
        return UInt32(id)
    }

    private func checkBounds() throws(TokenizerError) {
        guard before.count + behind.count <= Limits.tokensAround else {
            throw TokenizerError(.tooLarge, "the tokenizer puts more than \(Limits.tokensAround) tokens around a text")
        }
    }
}
