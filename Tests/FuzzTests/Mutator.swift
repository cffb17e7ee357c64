/// Makes inputs out of sound ones: the same for the same seed.
///
/// A reader's fuzzer makes most of its inputs by changing the parts of a structure (a count, a name, an offset) with
/// `number` and `text` and writing it out again, so that they get past the first checks; `bytes` changes what was written.
struct Mutator: RandomNumberGenerator {
    private var state: UInt64
    /// What the format's grammar is made of: `bytes` strews it in.
    let words: [[UInt8]]

    init(seed: UInt64, words: [String] = []) {
        self.state = seed
        self.words = words.map { Array($0.utf8) }
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// True once in `n` times.
    mutating func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &self) == 0 }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &self)]
    }

    /// `number`, or something near it, or one of the numbers that break readers.
    mutating func number(_ number: UInt64) -> UInt64 {
        switch Int.random(in: 0..<8, using: &self) {
        case 0: number &+ 1
        case 1: number &- 1
        case 2: number &* 2
        case 3: number ^ 1 << UInt64.random(in: 0..<64, using: &self)
        case 4: UInt64.random(in: 0...300, using: &self)
        case 5: self.pick(Self.breakers)
        case 6: self.pick(Self.breakers) &+ number
        case _: UInt64.random(in: 0 ... .max, using: &self)
        }
    }

    private static let breakers: [UInt64] = [
        0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 1 << 20, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32,
        1 << 60, 1 << 61, 1 << 62, .max / 2, 1 << 63, .max - 7, .max,
    ]

    /// `text` with a few changes.
    mutating func text(_ text: String) -> String {
        String(decoding: self.bytes(Array(text.utf8), changes: 1...2), as: UTF8.self)
    }

    /// `bytes` with a few changes, at most twice as long and a little more.
    mutating func bytes(_ bytes: [UInt8], changes: ClosedRange<Int> = 1...6) -> [UInt8] {
        var bytes = bytes
        let limit = 2 * bytes.count + 64
        for _ in 0..<Int.random(in: changes, using: &self) { self.change(&bytes) }
        return bytes.count > limit ? Array(bytes.prefix(limit)) : bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let at = Int.random(in: 0...bytes.count, using: &self)
        let end = min(at + Int.random(in: 1...16, using: &self), bytes.count)
        switch Int.random(in: 0..<9, using: &self) {
        case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &self)
        case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0 ... .max, using: &self)
        case 2: bytes.removeSubrange(at..<end)
        case 3: bytes.insert(contentsOf: bytes[at..<end], at: at)
        case 4: bytes.removeLast(bytes.count - at)
        case 5: self.overwriteNumber(&bytes, at: at)
        case 6 where !bytes.isEmpty:
            let from = Int.random(in: 0..<bytes.count, using: &self)
            let piece = bytes[from..<min(from + Int.random(in: 1...32, using: &self), bytes.count)]
            bytes.insert(contentsOf: piece, at: at)
        case 7 where !self.words.isEmpty: bytes.insert(contentsOf: self.pick(self.words), at: at)
        case 8 where !self.words.isEmpty: bytes.replaceSubrange(at..<end, with: self.pick(self.words))
        case _: bytes.insert(UInt8.random(in: 0 ... .max, using: &self), at: at)
        }
    }

    /// Changes a little-endian number of four or eight bytes.
    private mutating func overwriteNumber(_ bytes: inout [UInt8], at offset: Int) {
        let width = self.chance(2) ? 4 : 8
        guard offset + width <= bytes.count else { return }
        let old = (0..<width).reduce(UInt64(0)) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
        let new = self.number(old)
        for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: new >> (8 * UInt64(index))) }
    }
}
