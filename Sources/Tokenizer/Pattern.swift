import COniguruma

/// A regular expression of a tokenizer, in the dialect that the published tokenizers are written in (Oniguruma's own).
///
/// A hostile expression cannot hang the process: Oniguruma gives up after a fixed number of retries, which becomes
/// `patternFailed`.
final class Pattern: Sendable {
    // A compiled expression is only read by searches; each search brings a region of its own.
    private nonisolated(unsafe) let compiled: UnsafeMutablePointer<regex_t>
    private let known: KnownExpression?

    /// - Throws: `tooLarge`, or `unsupported` when Oniguruma refuses the expression.
    convenience init(_ expression: [UInt8]) throws(TokenizerError) {
        try self.init(expression, known: KnownExpression(expression))
    }

    /// - Parameter known: how the expression is matched by hand; nil leaves all to Oniguruma.
    init(_ expression: [UInt8], known: KnownExpression?) throws(TokenizerError) {
        guard expression.count <= Limits.patternBytes else {
            throw TokenizerError(.tooLarge, "the tokenizer has a regular expression of \(expression.count) bytes")
        }
        _ = Self.library
        var compiled: UnsafeMutablePointer<regex_t>?
        let code = expression.withUnsafeBufferPointer { kwaai_onig_compile(&compiled, $0.baseAddress, $0.count) }
        guard code == ONIG_NORMAL, let compiled else {
            let text = String(decoding: expression, as: UTF8.self)
            throw TokenizerError(
                .unsupported,
                "the tokenizer's regular expression \(text) is not one of Oniguruma's (code \(code)). "
                    + "Check the pre_tokenizer of tokenizer.json"
            )
        }
        self.compiled = compiled
        self.known = known
    }

    deinit { onig_free(compiled) }

    // Oniguruma would otherwise prepare itself in the first compilation, which two threads may begin at once.
    private static let library = kwaai_onig_prepare()

    /// Calls `body` with the bounds of each match in `text`, from left to right and without overlaps.
    func forEachMatch(
        in text: UnsafeBufferPointer<UInt8>,
        _ body: (Range<Int>) -> Void
    ) throws(TokenizerError) {
        // Most texts of a known expression need none.
        var region: UnsafeMutablePointer<OnigRegion>?
        defer { if let region { onig_region_free(region, 1) } }
        var from = 0
        var (start, end) = (0, 0)
        while from <= text.count {
            if let known {
                from = Self.matches(of: known, in: text, from: from, body)
                if from == text.count { return }
            }
            if region == nil { region = onig_region_new() }
            let code = kwaai_onig_find(compiled, region, text.baseAddress, text.count, from, &start, &end)
            guard code >= 0 else {
                throw TokenizerError(
                    .patternFailed,
                    "the tokenizer's regular expression gave up on this text (code \(code)). Shorten the text"
                )
            }
            guard code == 1 else { return }
            body(start..<end)
            // An empty match would be found for ever.
            from = end > start ? end : end + text.characterLength(at: end)
        }
    }

    /// Calls `body` with the matches that need no Oniguruma, up to the place that does, or to the text's end.
    private static func matches(
        of known: KnownExpression,
        in text: UnsafeBufferPointer<UInt8>,
        from start: Int,
        _ body: (Range<Int>) -> Void
    ) -> Int {
        var position = start
        while position < text.count {
            switch known.find(in: text, at: position) {
            case .match(let end):
                body(position..<end)
                position = end
            case .nothing: position += 1
            case .unknown: return position
            }
        }
        return position
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Bytes of the UTF-8 character that starts at `index`; 1 at the end.
    func characterLength(at index: Int) -> Int {
        guard index < count else { return 1 }
        return switch self[index] {
        case 0xF0...: 4
        case 0xE0...: 3
        case 0xC0...: 2
        case _: 1
        }
    }

    /// The scalar that these bytes, one UTF-8 character, encode.
    var scalar: Unicode.Scalar {
        String(decoding: self, as: UTF8.self).unicodeScalars.first ?? "\u{FFFD}"
    }
}
