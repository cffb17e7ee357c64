extension MergeTable {
    /// The merges that scores of tokens stand for: two tokens merge when what they make together is a token, the one with
    /// the highest score first, and of equal scores the leftmost.
    ///
    /// SentencePiece looks tokens up by their text while it merges; that is the same, because everything that it merges is
    /// a token, and quicker to do once.
    ///
    /// - Parameter scores: one per token, none NaN.
    /// - Throws: `tooLarge` when the tokens are so long that looking at all their cuts would take for ever.
    init(scores: [Float], of vocabulary: Vocabulary) throws(TokenizerError) {
        let work = vocabulary.tokens.reduce(0) { $0 + ($1?.count ?? 0) * ($1?.count ?? 0) }
        guard work <= Limits.scoredTokenWork else {
            throw TokenizerError(.tooLarge, "the tokenizer's scored tokens are too long, by \(work) bytes squared")
        }
        let order = Set(scores).sorted(by: >)
        let ranks = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($0.element, UInt32($0.offset)) })
        var merges: [(left: UInt32, right: UInt32, merge: Merge)] = []
        for (id, token) in vocabulary.tokens.enumerated() {
            guard let token, token.count > 1, let rank = ranks[scores[id]] else { continue }
            for cut in 1..<token.count where token[cut] & 0xC0 != 0x80 {
                guard let left = vocabulary.id(of: Array(token[..<cut])),
                    let right = vocabulary.id(of: Array(token[cut...]))
                else { continue }
                merges.append((left, right, Merge(rank: rank, result: UInt32(id))))
            }
        }
        self.init(capacity: merges.count)
        for (left, right, merge) in merges { insert(left, right, merge) }
    }
}
