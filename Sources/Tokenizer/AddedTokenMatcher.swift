/// Finds added tokens in a text: the leftmost, and of those that start at one place the longest.
struct AddedTokenMatcher: Sendable {
    /// A stretch of a text: an added token, or what lies between two of them.
    enum Segment: Equatable, Sendable {
        case text(Range<Int>)
        case token(UInt32)
    }

    /// A node of the trie of all contents.
    private struct Node: Sendable {
        var children: [UInt8: Int] = [:]
        var token: Int?
    }

    private let tokens: [AddedToken]
    private var nodes = [Node()]
    /// Which bytes some token begins with: most bytes of a text begin none.
    private var begins = Array(repeating: false, count: 256)

    /// - Parameter contents: what to look for in place of each token's own content, which a normalizer may have changed.
    init(_ tokens: [AddedToken], contents: [[UInt8]]) {
        self.tokens = tokens
        for (index, content) in contents.enumerated() where !content.isEmpty {
            begins[Int(content[0])] = true
            var node = 0
            for byte in content {
                if let child = nodes[node].children[byte] {
                    node = child
                } else {
                    nodes.append(Node())
                    nodes[node].children[byte] = nodes.count - 1
                    node = nodes.count - 1
                }
            }
            nodes[node].token = nodes[node].token ?? index
        }
    }

    var isEmpty: Bool { nodes.count == 1 }

    func segments(of text: [UInt8]) -> [Segment] {
        if isEmpty { return text.isEmpty ? [] : [.text(text.indices)] }
        var segments: [Segment] = []
        // Up to where the text has become segments, and where the search goes on: behind the last match, which may lie
        // before the space that the match took along.
        var reached = 0
        var position = 0
        while position < text.count {
            guard begins[Int(text[position])], let (end, index) = longestMatch(in: text, at: position) else {
                position += 1
                continue
            }
            let token = tokens[index]
            let match = position..<end
            position = end
            if token.isSingleWord, text.touchesWord(match) { continue }
            let start = max(token.stripsLeft ? text.startOfSpace(before: match.lowerBound) : match.lowerBound, reached)
            if reached < start { segments.append(.text(reached..<start)) }
            segments.append(.token(token.id))
            reached = max(token.stripsRight ? text.endOfSpace(from: match.upperBound) : match.upperBound, reached)
        }
        if reached < text.count { segments.append(.text(reached..<text.count)) }
        return segments
    }

    private func longestMatch(in text: [UInt8], at start: Int) -> (end: Int, token: Int)? {
        var node = 0
        var position = start
        var longest: (end: Int, token: Int)?
        while position < text.count, let child = nodes[node].children[text[position]] {
            node = child
            position += 1
            if let token = nodes[node].token { longest = (position, token) }
        }
        return longest
    }
}

extension [UInt8] {
    /// Whether a letter, digit, mark or connector lies right before or right behind the range.
    fileprivate func touchesWord(_ range: Range<Int>) -> Bool {
        let before = String(decoding: self[..<range.lowerBound].suffix(4), as: UTF8.self).unicodeScalars.last
        let behind = String(decoding: self[range.upperBound...].prefix(4), as: UTF8.self).unicodeScalars.first
        return before?.isWordCharacter == true || behind?.isWordCharacter == true
    }

    fileprivate func startOfSpace(before end: Int) -> Int {
        var scalars = Substring(decoding: self[..<end], as: UTF8.self).unicodeScalars
        var start = end
        while let last = scalars.popLast(), last.properties.isWhitespace { start -= UTF8.width(last) }
        return start
    }

    fileprivate func endOfSpace(from start: Int) -> Int {
        var end = start
        while end < count {
            let next = String(decoding: self[end...].prefix(4), as: UTF8.self).unicodeScalars.first
            guard let next, next.properties.isWhitespace else { return end }
            end += UTF8.width(next)
        }
        return end
    }
}

extension Unicode.Scalar {
    /// The `\w` of regular expressions: Unicode Technical Standard 18, annex C.
    fileprivate var isWordCharacter: Bool {
        switch properties.generalCategory {
        case .decimalNumber, .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark: true
        case _: properties.isAlphabetic || properties.isJoinControl
        }
    }
}
