/// The ids of the words that one text has had so far. Words repeat, and to look one up is cheaper than to merge it again.
///
/// An open-addressing table over two arrays that only grow, so that a word costs no allocation of its own.
struct WordCache {
    /// Bytes of the longest word that is kept: what is longer will not come again.
    static let longestWord = 32

    private struct Slot {
        var hash: UInt64 = 0
        var word: Int32 = 0
        var ids: Int32 = 0
        /// 0 in an empty slot: no word is empty.
        var wordCount: UInt8 = 0
        var idCount: UInt8 = 0
    }

    private var slots = Array(repeating: Slot(), count: 256)
    private var count = 0
    private var words: [UInt8] = []
    private var ids: [UInt32] = []

    /// Appends the ids of `word` to `output`; false when it is not known.
    func append(_ word: UnsafeBufferPointer<UInt8>, _ hash: UInt64, to output: inout [UInt32]) -> Bool {
        let slot = slots[index(of: word, hash)]
        guard slot.wordCount > 0 else { return false }
        let first = Int(slot.ids)
        for index in first..<first + Int(slot.idCount) { output.append(ids[index]) }
        return true
    }

    /// Keeps the ids of a word that is not known and that is not empty.
    mutating func remember(_ word: UnsafeBufferPointer<UInt8>, _ hash: UInt64, _ fresh: ArraySlice<UInt32>) {
        guard count < Limits.rememberedWords, fresh.count <= Int(UInt8.max) else { return }
        if 2 * count >= slots.count { grow() }
        slots[index(of: word, hash)] = Slot(
            hash: hash,
            word: Int32(words.count),
            ids: Int32(ids.count),
            wordCount: UInt8(word.count),
            idCount: UInt8(fresh.count)
        )
        words.append(contentsOf: word)
        ids.append(contentsOf: fresh)
        count += 1
    }

    /// A number that equal words share. It depends on a number that each process draws, so that no text can aim all its
    /// words at one slot.
    static func hash(_ word: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash = seed ^ UInt64(word.count)
        let bytes = UnsafeRawBufferPointer(word)
        var position = 0
        while position + 8 <= bytes.count {
            hash = mix(hash, bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            position += 8
        }
        var rest: UInt64 = 0
        while position < bytes.count {
            rest = rest << 8 | UInt64(bytes[position])
            position += 1
        }
        return mix(hash, rest)
    }

    private static let seed = UInt64.random(in: .min ... .max)
    private static let multiplier = UInt64.random(in: .min ... .max) | 1

    private static func mix(_ hash: UInt64, _ bits: UInt64) -> UInt64 {
        let product = (hash ^ bits).multipliedFullWidth(by: multiplier)
        return product.high ^ product.low
    }

    /// Where the word lies, or the empty slot where it would.
    private func index(of word: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Int {
        let mask = slots.count - 1
        var index = Int(truncatingIfNeeded: hash) & mask
        while slots[index].wordCount > 0, !holds(slots[index], word, hash) { index = (index + 1) & mask }
        return index
    }

    private func holds(_ slot: Slot, _ word: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Bool {
        guard slot.hash == hash, Int(slot.wordCount) == word.count else { return false }
        let start = Int(slot.word)
        for offset in 0..<word.count where words[start + offset] != word[offset] { return false }
        return true
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: Slot(), count: 2 * old.count)
        for slot in old where slot.wordCount > 0 {
            var index = Int(truncatingIfNeeded: slot.hash) & (slots.count - 1)
            while slots[index].wordCount > 0 { index = (index + 1) & (slots.count - 1) }
            slots[index] = slot
        }
    }
}
