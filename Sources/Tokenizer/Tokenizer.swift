/// Turns text into the ids that a model reads, and ids into text: `tokenizer.json` as Hugging Face writes it.
///
/// Encoding runs in five steps: added tokens are found in the text, what lies between them is normalised, cut into words,
/// and these into tokens, by byte-pair encoding or as word pieces; special tokens are put around the whole. A value, immutable and shared freely.
public struct Tokenizer: Sendable {
    let vocabulary: Vocabulary
    let specialIDs: Set<UInt32>
    /// What added tokens decode to whose normalised form is another one, as Hugging Face has it.
    let normalizedForms: [UInt32: [UInt8]]
    let rawTokens: AddedTokenMatcher
    let normalizedTokens: AddedTokenMatcher
    let normalizer: Normalizer?
    let preTokenizer: PreTokenizer?
    let model: WordModel
    let postProcessor: PostProcessor
    let decoder: Decoder?

    /// The ids of `text`.
    ///
    /// - Parameter addSpecialTokens: also what the model expects around a text, such as a token for its beginning.
    /// - Throws: `tooLarge` beyond `Limits.textBytes`, `patternFailed` when an expression of the file gives up.
    public func encode(_ text: String, addSpecialTokens: Bool) throws(TokenizerError) -> [UInt32] {
        let bytes = Array(text.utf8)
        guard bytes.count <= Limits.textBytes else {
            let message = "the text has \(bytes.count) bytes, more than \(Limits.textBytes). Shorten it"
            throw TokenizerError(.tooLarge, message)
        }
        var encoding = Encoding(tokenizer: self)
        try encoding.append(bytes)
        guard addSpecialTokens else { return encoding.ids }
        return postProcessor.before + encoding.ids + postProcessor.behind
    }

    /// The text of `ids`; ids that the vocabulary lacks have none, and bytes that are no UTF-8 become U+FFFD.
    public func decode(_ ids: [UInt32], skipSpecialTokens: Bool) -> String {
        String(decoding: decodedBytes(ids, skipSpecialTokens: skipSpecialTokens), as: UTF8.self)
    }

    /// A decoder for tokens that come one by one.
    public func streamingDecoder(skipSpecialTokens: Bool = true) -> StreamingDecoder {
        StreamingDecoder(tokenizer: self, skipsSpecialTokens: skipSpecialTokens)
    }

    /// One more than the largest id. A model's embedding may have more rows, never fewer.
    public var vocabularySize: Int { vocabulary.tokens.count }

    /// The id of a token as the file writes it, such as `<|eos|>`.
    public func id(of token: String) -> UInt32? { vocabulary.id(of: Array(token.utf8)) }

    /// The token of an id as the file writes it.
    public func token(_ id: UInt32) -> String? {
        vocabulary.token(id).map { String(decoding: $0, as: UTF8.self) }
    }

    func hasText(_ id: UInt32, skipSpecialTokens: Bool) -> Bool {
        vocabulary.token(id) != nil && !(skipSpecialTokens && specialIDs.contains(id))
    }

    func decodedBytes(_ ids: [UInt32], skipSpecialTokens: Bool) -> [UInt8] {
        let pieces = ids.compactMap { id in
            hasText(id, skipSpecialTokens: skipSpecialTokens) ? normalizedForms[id] ?? vocabulary.token(id) : nil
        }
        guard let decoder else { return Array(pieces.joined(separator: [UInt8(ascii: " ")])) }
        // A decoder's expression that gives up on a token leaves it as the file writes it.
        let decoded = (try? decoder.decoded(pieces)) ?? pieces
        return Array(decoded.joined())
    }
}
