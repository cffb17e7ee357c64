import ArgumentParser

/// A number of bytes as people write it: `2GiB`, `512MiB`, `1000000`.
struct ByteCount: ExpressibleByArgument, CustomStringConvertible {
    let bytes: Int

    private static let units: [(suffix: String, factor: Int)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1), ("", 1),
    ]

    init(bytes: Int) {
        self.bytes = bytes
    }

    init?(argument: String) {
        guard let unit = Self.units.first(where: { argument.hasSuffix($0.suffix) }),
            let number = Double(argument.dropLast(unit.suffix.count)), number >= 0
        else { return nil }
        let bytes = number * Double(unit.factor)
        guard bytes < Double(Int.max) else { return nil }
        self.bytes = Int(bytes)
    }

    var description: String {
        guard let unit = Self.units.first(where: { self.bytes >= $0.factor && $0.factor > 1 }) else {
            return "\(self.bytes)B"
        }
        let tenths = self.bytes * 10 / unit.factor
        return tenths % 10 == 0 ? "\(tenths / 10)\(unit.suffix)" : "\(tenths / 10).\(tenths % 10)\(unit.suffix)"
    }
}
