/// Byte-pair encoding: a word starts as its characters, and the neighbours with the lowest rank merge until none can.
struct BytePairModel: Sendable {
    /// How a word's first symbols are found.
    enum Symbols: Sendable {
        /// One per byte: the word is raw bytes. Byte-level vocabularies, where the byte alphabet is the last step.
        case bytes([UInt32?])
        /// One per Unicode scalar; for one that is no token, what `fallback` says.
        case scalars([Unicode.Scalar: UInt32], fallback: Fallback)
    }

    /// What becomes of a character that is no token: its bytes as `<0x00>`…`<0xFF>`, else the unknown token, else nothing.
    struct Fallback: Sendable {
        var bytes: [UInt32]?
        var unknown: UInt32?
        /// Several unknown characters in a row become one token.
        var fusesUnknown: Bool
    }

    let symbols: Symbols
    let merges: MergeTable
    /// Whole words that are tokens whatever the merges say (`ignore_merges`), by the bytes that `encode` gets; else nil.
    let wholeWords: [[UInt8]: UInt32]?
    /// SentencePiece's mark for a space, where no merge makes a token that has it behind another character; else nil.
    ///
    /// Such vocabularies come without a pre-tokenizer, so that a whole text is one word. Cutting it before each mark changes
    /// nothing then, since no token could lie across the cut, and makes of it short words that repeat.
    let wordMark: [UInt8]?

    /// Appends the ids of one word.
    func encode(_ word: UnsafeBufferPointer<UInt8>, into ids: inout [UInt32], scratch: inout Scratch) {
        if let wholeWords, let id = wholeWords[Array(word)] {
            ids.append(id)
            return
        }
        scratch.ids.removeAll(keepingCapacity: true)
        split(word, into: &scratch.ids)
        scratch.merge(by: merges)
        ids.append(contentsOf: scratch.ids)
    }

    private func split(_ word: UnsafeBufferPointer<UInt8>, into first: inout [UInt32]) {
        switch symbols {
        case .bytes(let table):
            for byte in word {
                if let id = table[Int(byte)] { first.append(id) }
            }
        case .scalars(let table, let fallback):
            var position = 0
            var afterUnknown = false
            while position < word.count {
                let end = min(position + word.characterLength(at: position), word.count)
                let character = UnsafeBufferPointer(rebasing: word[position..<end])
                position = end
                if let id = table[character.scalar] {
                    first.append(id)
                    afterUnknown = false
                } else if let bytes = fallback.bytes {
                    first.append(contentsOf: character.lazy.map { bytes[Int($0)] })
                    afterUnknown = false
                } else if let unknown = fallback.unknown {
                    if !(afterUnknown && fallback.fusesUnknown) { first.append(unknown) }
                    afterUnknown = true
                }
            }
        }
    }
}

extension BytePairModel {
    /// The arrays that encoding a word works in, reused from word to word.
    struct Scratch {
        /// The word's tokens: first one per symbol, after `merge` the answer.
        var ids: [UInt32] = []
        /// The index of the next and of the previous symbol that still stands; -1 beyond the ends.
        private var next: [Int32] = []
        private var previous: [Int32] = []
        private var queue = MergeQueue()

        /// Merges `ids` by rank, leftmost first, in O(n log n).
        mutating func merge(by merges: MergeTable) {
            guard ids.count > 1, ids.count < Int(Int32.max) else { return }
            let count = Int32(ids.count)
            next.removeAll(keepingCapacity: true)
            previous.removeAll(keepingCapacity: true)
            queue.removeAll()
            for index in 0..<count {
                next.append(index + 1 < count ? index + 1 : -1)
                previous.append(index - 1)
            }
            for index in 0..<count - 1 { consider(index, by: merges) }
            while let candidate = queue.pop() {
                let left = Int(candidate.position)
                let right = next[left]
                // Stale when one of the two has merged meanwhile: then the pair is another one, or the left symbol is gone.
                guard ids[left] != Self.gone, right >= 0,
                    let merge = merges.merge(of: ids[left], ids[Int(right)]),
                    merge.rank == candidate.rank, merge.result == candidate.result
                else { continue }
                ids[left] = merge.result
                ids[Int(right)] = Self.gone
                next[left] = next[Int(right)]
                if next[left] >= 0 { previous[Int(next[left])] = candidate.position }
                if previous[left] >= 0 { consider(previous[left], by: merges) }
                consider(candidate.position, by: merges)
            }
            ids.removeAll { $0 == Self.gone }
        }

        private mutating func consider(_ position: Int32, by merges: MergeTable) {
            let right = next[Int(position)]
            guard right >= 0, let merge = merges.merge(of: ids[Int(position)], ids[Int(right)]) else { return }
            queue.push(.init(rank: merge.rank, position: position, result: merge.result))
        }

        // No token has it: `Limits.vocabulary` is far below.
        private static let gone = UInt32.max
    }
}
