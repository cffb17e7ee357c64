/// A number of bytes as people write it: `2GiB`, `512MiB`, `1000000`.
public struct ByteCount: Equatable, Sendable, CustomStringConvertible {
    public let bytes: Int

    private static let units: [(suffix: String, factor: Int)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1), ("", 1),
    ]

    public init(bytes: Int) {
        self.bytes = bytes
    }

    /// Nil for what is no number with one of the units, is negative, or is beyond 64 bits.
    public init?(_ text: String) {
        guard let unit = Self.units.first(where: { text.hasSuffix($0.suffix) }),
            let number = Double(text.dropLast(unit.suffix.count)), number >= 0
        else { return nil }
        let bytes = number * Double(unit.factor)
        guard bytes < Double(Int.max) else { return nil }
        self.bytes = Int(bytes)
    }

    /// Rounded down to a tenth of the largest unit that it fills.
    public var description: String {
        guard let unit = Self.units.first(where: { self.bytes >= $0.factor && $0.factor > 1 }) else {
            return "\(self.bytes)B"
        }
        let (whole, rest) = self.bytes.quotientAndRemainder(dividingBy: unit.factor)
        let tenth = rest / (unit.factor / 10)
        return tenth == 0 ? "\(whole)\(unit.suffix)" : "\(whole).\(min(tenth, 9))\(unit.suffix)"
    }
}
