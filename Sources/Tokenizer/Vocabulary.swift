internal import StrictJSON

/// The tokens of a model and their ids, compared byte by byte.
struct Vocabulary: Sendable {
    /// The text of each id as the file writes it; nil where an id is not used.
    private(set) var tokens: [[UInt8]?] = []
    private(set) var ids: [[UInt8]: UInt32] = [:]

    /// - Parameter members: each token and its id, as `model.vocab` has them.
    init(_ members: [JSON.Member]) throws(TokenizerError) {
        guard members.count <= Limits.vocabulary else {
            throw TokenizerError(.tooLarge, "the tokenizer has \(members.count) tokens, more than \(Limits.vocabulary)")
        }
        ids.reserveCapacity(members.count)
        for member in members {
            guard let id = member.value.integer else {
                throw .corrupt("token \"\(member.key)\" has no number")
            }
            try insert(Array(member.key.utf8), id: id)
        }
    }

    /// - Parameter tokens: the token of each id. An empty one is none, as llama.cpp has it.
    init(tokens: [[UInt8]]) throws(TokenizerError) {
        self.tokens = Array(repeating: nil, count: tokens.count)
        ids.reserveCapacity(tokens.count)
        for (id, token) in tokens.enumerated() where !token.isEmpty { try insert(token, id: id) }
    }

    /// Adds a token; the same token with the same id may be added again.
    mutating func insert(_ token: [UInt8], id: Int) throws(TokenizerError) {
        let text = String(decoding: token.prefix(80), as: UTF8.self)
        guard token.count <= Limits.tokenBytes else {
            throw TokenizerError(.tooLarge, "the token \"\(text)…\" has \(token.count) bytes")
        }
        guard (0..<Limits.vocabulary).contains(id) else { throw .corrupt("token \"\(text)\" has the number \(id)") }
        if id >= tokens.count { tokens.append(contentsOf: repeatElement(nil, count: id + 1 - tokens.count)) }
        if let taken = tokens[id] {
            guard taken == token else {
                throw .corrupt("the number \(id) belongs to two tokens, one of them \"\(text)\"")
            }
            return
        }
        guard ids.updateValue(UInt32(id), forKey: token) == nil else {
            throw .corrupt("token \"\(text)\" appears twice")
        }
        tokens[id] = token
    }

    func id(of token: [UInt8]) -> UInt32? { ids[token] }

    /// The text of an id as the file writes it.
    func token(_ id: UInt32) -> [UInt8]? {
        Int(id) < tokens.count ? tokens[Int(id)] : nil
    }
}
