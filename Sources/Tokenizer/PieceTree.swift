/// The tokens of a vocabulary as a tree with an edge for each byte: finds the longest token that a text goes on with.
struct PieceTree: Sendable {
    /// A place in the tree: what the bytes so far lead to.
    typealias Node = UInt32

    static let root: Node = 0
    private var children: [UInt64: Node] = [:]
    /// The id of the token that ends at each node.
    private var tokens: [UInt32?] = [nil]

    /// - Throws: `tooLarge` when the tokens are too long to be looked for.
    init(_ vocabulary: Vocabulary) throws(TokenizerError) {
        var bytes = 0
        for token in vocabulary.tokens {
            guard let token else { continue }
            bytes += token.count
            guard token.count <= Limits.wordPieceBytes, bytes <= Limits.wordPiecesBytes else {
                throw TokenizerError(
                    .tooLarge,
                    "the tokenizer's word pieces have \(bytes) bytes together, or one of them has \(token.count)"
                )
            }
        }
        children.reserveCapacity(bytes / 2)
        for (id, token) in vocabulary.tokens.enumerated() {
            if let token, !token.isEmpty { insert(token, UInt32(id)) }
        }
    }

    /// Where `bytes` lead; nil when no token begins with them.
    func node(of bytes: [UInt8]) -> Node? {
        var node = Self.root
        for byte in bytes {
            guard let child = children[Self.edge(node, byte)] else { return nil }
            node = child
        }
        return node
    }

    /// The longest token that begins with what leads to `node` and goes on with the text from `position`, and where in the
    /// text it ends: at `position` itself where only what leads to the node is a token.
    func longestToken(
        from start: Node,
        in text: UnsafeBufferPointer<UInt8>,
        at position: Int
    ) -> (id: UInt32, end: Int)? {
        var node = start
        var longest = tokens[Int(node)].map { (id: $0, end: position) }
        for index in position..<text.count {
            guard let child = children[Self.edge(node, text[index])] else { break }
            node = child
            if let id = tokens[Int(node)] { longest = (id, index + 1) }
        }
        return longest
    }

    private mutating func insert(_ token: [UInt8], _ id: UInt32) {
        var node = Self.root
        for byte in token {
            let edge = Self.edge(node, byte)
            if let child = children[edge] {
                node = child
            } else {
                node = UInt32(tokens.count)
                children[edge] = node
                tokens.append(nil)
            }
        }
        tokens[Int(node)] = id
    }

    private static func edge(_ node: Node, _ byte: UInt8) -> UInt64 { UInt64(node) << 8 | UInt64(byte) }
}
