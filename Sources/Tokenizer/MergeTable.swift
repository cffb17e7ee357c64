/// Which pairs of neighbouring tokens become one, and in which order: an open-addressing table, because a lookup per
/// pair is what encoding spends its time on.
struct MergeTable: Sendable {
    struct Merge: Sendable {
        /// Lower merges first.
        let rank: UInt32
        /// The token that the pair becomes.
        let result: UInt32
    }

    private struct Slot {
        var pair: UInt64
        var merge: Merge
    }

    // No pair of ids reaches it: `Limits.vocabulary` is far below UInt32.max.
    private static let empty = UInt64.max
    private var slots: [Slot]
    private let shift: UInt64
    // Drawn anew for each table, so that no file can aim all its pairs at one slot. It decides where a pair lies, never
    // what a lookup answers.
    private let multiplier = UInt64.random(in: .min ... .max) | 1

    /// A table for up to `capacity` pairs, at most half full.
    init(capacity: Int) {
        var bits: UInt64 = 4
        while 1 << bits < 2 * max(capacity, 1) { bits += 1 }
        shift = 64 - bits
        slots = Array(repeating: Slot(pair: Self.empty, merge: Merge(rank: 0, result: 0)), count: 1 << Int(bits))
    }

    /// Adds a pair unless it is there already: the first mention has the lower rank.
    mutating func insert(_ left: UInt32, _ right: UInt32, _ merge: Merge) {
        let pair = UInt64(left) << 32 | UInt64(right)
        var index = home(of: pair)
        while slots[index].pair != Self.empty {
            if slots[index].pair == pair { return }
            index = (index + 1) & (slots.count - 1)
        }
        slots[index] = Slot(pair: pair, merge: merge)
    }

    func merge(of left: UInt32, _ right: UInt32) -> Merge? {
        let pair = UInt64(left) << 32 | UInt64(right)
        var index = home(of: pair)
        while slots[index].pair != pair {
            if slots[index].pair == Self.empty { return nil }
            index = (index + 1) & (slots.count - 1)
        }
        return slots[index].merge
    }

    /// The high bits of a product with a random odd number.
    private func home(of pair: UInt64) -> Int {
        Int(truncatingIfNeeded: (pair &* multiplier) >> shift)
    }
}
