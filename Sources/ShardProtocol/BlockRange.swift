/// A half-open range of transformer blocks, `0..12` for blocks 0 to 11.
///
/// Never empty, and never beyond `Limits.blocks`, so that arithmetic on it cannot overflow (DESIGN.md §3).
public struct BlockRange: Hashable, Sendable {
    /// The first block.
    public let lowerBound: Int
    /// The block after the last.
    public let upperBound: Int

    /// - Throws: `ShardError` with `invalidArgument` when the range is empty, reversed, negative or beyond 1,024.
    public init(_ lowerBound: Int, _ upperBound: Int) throws(ShardError) {
        guard lowerBound >= 0, lowerBound < upperBound, upperBound <= Limits.blocks else {
            throw ShardError(
                code: .invalidArgument,
                message: "\(lowerBound)..\(upperBound) is no range of blocks: write FIRST..END with "
                    + "0 <= FIRST < END <= \(Limits.blocks), for instance 0..12 for blocks 0 to 11"
            )
        }
        self.lowerBound = lowerBound
        self.upperBound = upperBound
    }

    /// Reads `0..12`.
    ///
    /// - Throws: `ShardError` with `invalidArgument`.
    public init(_ text: String) throws(ShardError) {
        let digits = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard digits.count == 3, digits[1].isEmpty,
            let lower = Self.number(digits[0]), let upper = Self.number(digits[2])
        else {
            throw ShardError(
                code: .invalidArgument,
                message: "\"\(text)\" is no range of blocks: write FIRST..END, for instance 0..12 for blocks 0 to 11"
            )
        }
        try self.init(lower, upper)
    }

    /// Decimal digits only: `Int.init` would also take a sign.
    private static func number(_ digits: Substring.UTF8View.SubSequence) -> Int? {
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return Int(Substring(digits))
    }

    /// The range as Swift writes it.
    public var indices: Range<Int> { self.lowerBound..<self.upperBound }

    /// How many blocks it holds, at least 1.
    public var count: Int { self.upperBound - self.lowerBound }

    public func contains(_ other: BlockRange) -> Bool {
        self.lowerBound <= other.lowerBound && other.upperBound <= self.upperBound
    }

    public func overlaps(_ other: BlockRange) -> Bool {
        self.lowerBound < other.upperBound && other.lowerBound < self.upperBound
    }

    /// How a person reads it: `blocks 0–11 (12 of 24)`.
    public func phrase(of blockCount: Int) -> String {
        let blocks = self.count == 1 ? "block \(self.lowerBound)" : "blocks \(self.lowerBound)–\(self.upperBound - 1)"
        return "\(blocks) (\(self.count) of \(blockCount))"
    }
}

extension BlockRange: CustomStringConvertible {
    /// `0..12`, which `init(_:)` reads back.
    public var description: String { "\(self.lowerBound)..\(self.upperBound)" }
}

extension BlockRange: Comparable {
    /// By first block, then by last: the order in which a list of ranges is printed.
    public static func < (left: BlockRange, right: BlockRange) -> Bool {
        (left.lowerBound, left.upperBound) < (right.lowerBound, right.upperBound)
    }
}
