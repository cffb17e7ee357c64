internal import StrictJSON

/// What a `Replace` or a `Split` looks for: a literal text or a regular expression.
enum Needle: Sendable {
    case literal([UInt8])
    case expression(Pattern)

    /// - Parameter json: an object whose `pattern` is `{"String": …}` or `{"Regex": …}`.
    init(_ json: JSON) throws(TokenizerError) {
        let pattern = json["pattern"]
        if let literal = pattern?["String"]?.bytes {
            self = .literal(literal)
        } else if let expression = pattern?["Regex"]?.bytes {
            self = .expression(try Pattern(expression))
        } else {
            throw .corrupt("a pattern is neither a String nor a Regex")
        }
    }

    /// What a `Replace` puts in place of each match.
    static func replacement(_ json: JSON) throws(TokenizerError) -> [UInt8] {
        let content = json["content"]?.bytes ?? []
        guard content.count <= Limits.replacementBytes else {
            throw TokenizerError(.tooLarge, "the tokenizer has a replacement of \(content.count) bytes")
        }
        return content
    }

    /// Calls `body` with the bounds of each match, from left to right.
    func forEachMatch(in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) throws(TokenizerError) {
        switch self {
        case .expression(let pattern): try pattern.forEachMatch(in: text, body)
        case .literal(let wanted):
            guard let first = wanted.first else { return }
            var position = 0
            while position + wanted.count <= text.count {
                if text[position] == first, text[position...].starts(with: wanted) {
                    body(position..<position + wanted.count)
                    position += wanted.count
                } else {
                    position += 1
                }
            }
        }
    }

    /// - Throws: `tooLarge` when the text would grow beyond `limit`.
    func replacing(in text: [UInt8], with content: [UInt8], limit: Int) throws(TokenizerError) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var copied = 0
        try text.withBytes { bytes throws(TokenizerError) in
            try forEachMatch(in: bytes) { match in
                guard result.count <= limit else { return }
                result.append(contentsOf: bytes[copied..<match.lowerBound])
                result.append(contentsOf: content)
                copied = match.upperBound
            }
        }
        guard result.count <= limit else { throw .grownTooLarge }
        result.append(contentsOf: text[copied...])
        return result
    }
}

extension [UInt8] {
    /// The bytes in place, with an address also when there are none, which C wants.
    func withBytes<R>(_ body: (UnsafeBufferPointer<UInt8>) throws(TokenizerError) -> R) throws(TokenizerError) -> R {
        var result: Result<R, TokenizerError>?
        (isEmpty ? [0] : self).withUnsafeBufferPointer { bytes in
            let text = UnsafeBufferPointer(start: bytes.baseAddress, count: count)
            do throws(TokenizerError) { result = .success(try body(text)) } catch { result = .failure(error) }
        }
        guard let result else { preconditionFailure("withUnsafeBufferPointer calls its body once") }
        return try result.get()
    }
}
