/// The lower-case hexadecimal digit of a value below 16.
private func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}

extension [UInt8] {
    /// The bytes in lower-case hexadecimal.
    package var hex: String {
        String(decoding: self.flatMap { [hexDigit($0 >> 4), hexDigit($0 & 15)] }, as: UTF8.self)
    }

    /// The bytes that `hex` spells, or nil where it is not hexadecimal.
    package init?(hex: String) {
        let digits = hex.utf8.compactMap { digit in Character(UnicodeScalar(digit)).hexDigitValue.map(UInt8.init) }
        guard digits.count == hex.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
        self = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
