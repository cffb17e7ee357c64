import Foundation
internal import StrictJSON

/// What happens to a text before it is cut into words.
indirect enum Normalizer: Sendable {
    case sequence([Normalizer])
    /// Puts `bytes` in front of a text that is not empty.
    case prepend([UInt8])
    case replace(Needle, with: [UInt8])
    case form(Form)
    case lowercase
    case strip(left: Bool, right: Bool)
    case bert(BertNormalizer)
    /// What llama.cpp does in place of `bert`: no file of Hugging Face's has it.
    case ggufWords(GGUFWordNormalizer)

    /// The Unicode normalisation forms.
    enum Form: String, CaseIterable {
        case canonicalComposed = "NFC"
        case canonicalDecomposed = "NFD"
        case compatibilityComposed = "NFKC"
        case compatibilityDecomposed = "NFKD"
    }

    static let supported = [
        "Sequence", "Prepend", "Replace", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "BertNormalizer",
    ]

    init(_ json: JSON) throws(TokenizerError) {
        let kind = json["type"]?.string ?? ""
        if let form = Form(rawValue: kind) {
            self = .form(form)
            return
        }
        switch kind {
        case "Sequence":
            var steps: [Normalizer] = []
            for step in try json.steps("normalizers") { steps.append(try Normalizer(step)) }
            self = .sequence(steps)
        case "Prepend": self = .prepend(json["prepend"]?.bytes ?? [])
        case "Replace": self = .replace(try Needle(json), with: try Needle.replacement(json))
        case "Lowercase": self = .lowercase
        case "Strip":
            self = .strip(left: json["strip_left"]?.bool ?? true, right: json["strip_right"]?.bool ?? true)
        case "BertNormalizer": self = .bert(BertNormalizer(json))
        case _: throw .unknownKind(kind, of: "normalizer", supported: Self.supported)
        }
    }

    /// - Throws: `tooLarge` when the text grows beyond `Limits.grownBytes`.
    func normalized(_ text: [UInt8]) throws(TokenizerError) -> [UInt8] {
        try normalized(text, limit: Limits.grownBytes(text.count))
    }

    private func normalized(_ text: [UInt8], limit: Int) throws(TokenizerError) -> [UInt8] {
        let result: [UInt8]
        switch self {
        case .sequence(let steps):
            var current = text
            for step in steps { current = try step.normalized(current, limit: limit) }
            result = current
        case .prepend(let bytes): result = text.isEmpty ? text : bytes + text
        case .replace(let needle, let content): result = try needle.replacing(in: text, with: content, limit: limit)
        case .form(let form): result = form.applied(to: text)
        case .lowercase: result = Array(String(decoding: text, as: UTF8.self).lowercased().utf8)
        case .bert(let bert): result = bert.normalized(text)
        case .ggufWords(let words): result = words.normalized(text)
        case .strip(let left, let right):
            var scalars = Substring(decoding: text, as: UTF8.self).unicodeScalars[...]
            if left { scalars = scalars.drop(while: \.properties.isWhitespace) }
            if right { while scalars.last?.properties.isWhitespace == true { scalars.removeLast() } }
            result = Array(String(String.UnicodeScalarView(scalars)).utf8)
        }
        guard result.count <= limit else { throw .grownTooLarge }
        return result
    }
}

extension Normalizer.Form {
    fileprivate func applied(to text: [UInt8]) -> [UInt8] {
        // Every form leaves ASCII as it is.
        if text.allSatisfy({ $0 < 0x80 }) { return text }
        let string = String(decoding: text, as: UTF8.self)
        return switch self {
        case .canonicalComposed: Array(string.precomposedStringWithCanonicalMapping.utf8)
        case .canonicalDecomposed: Array(string.decomposedStringWithCanonicalMapping.utf8)
        case .compatibilityComposed: Array(string.precomposedStringWithCompatibilityMapping.utf8)
        case .compatibilityDecomposed: Array(string.decomposedStringWithCompatibilityMapping.utf8)
        }
    }
}
