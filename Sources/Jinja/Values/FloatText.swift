/// Numbers as Python writes them.
enum FloatText {
    /// What rounding exactly takes, in bytes of text: up to 1,100 digits are multiplied as often.
    static let exactCost = 1 << 16

    /// `repr(value)`: the shortest decimal that reads back as the same number.
    static func shortest(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        let (digits, exponent) = decimal(of: value)
        let sign = value.sign == .minus ? "-" : ""
        // Python's bounds of the notation without an exponent.
        guard (-4..<16).contains(exponent) else {
            let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
            let magnitude = abs(exponent)
            return "\(sign)\(digits.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")"
                + (magnitude < 10 ? "0\(magnitude)" : "\(magnitude)")
        }
        if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
        let whole = digits.prefix(exponent + 1)
        let padding = String(repeating: "0", count: max(0, exponent + 1 - digits.count))
        let fraction = digits.dropFirst(exponent + 1)
        return sign + whole + padding + "." + (fraction.isEmpty ? "0" : fraction)
    }

    /// The significant digits of a finite number, without zeros at their end, and the power of ten of the first.
    private static func decimal(of value: Double) -> (digits: String, exponent: Int) {
        var digits = ""
        var exponent = 0
        var pointOffset: Int?
        var isExponent = false
        var exponentText = ""
        for byte in abs(value).description {
            switch byte {
            case "e": isExponent = true
            case _ where isExponent: exponentText.append(byte)
            case ".": pointOffset = digits.count
            case _: digits.append(byte)
            }
        }
        exponent = (Int(exponentText) ?? 0) + (pointOffset ?? digits.count) - 1
        let leading = digits.prefix { $0 == "0" }.count
        guard leading < digits.count else { return ("0", 0) }
        digits.removeFirst(leading)
        while digits.count > 1, digits.hasSuffix("0") { digits.removeLast() }
        return (digits, exponent - leading)
    }

    /// `value` with so many decimals, rounded as the exact binary number is nearest, ties to even, as C and Python do.
    ///
    /// - Parameter decimals: from 0 to `Limits.formatWidth`.
    static func fixed(_ value: Double, decimals: Int) -> String {
        guard value.isFinite else { return shortest(value) }
        var (digits, scale) = exactDigits(of: abs(value))
        // Digits behind the point beyond those wanted are rounded away.
        if scale > decimals {
            let dropped = scale - decimals
            digits = rounded(digits, dropping: dropped)
            scale = decimals
        }
        digits += [UInt8](repeating: 0, count: decimals - scale)
        if digits.count <= decimals { digits = [UInt8](repeating: 0, count: decimals + 1 - digits.count) + digits }
        let text = String(decoding: digits.map { $0 + UInt8(ascii: "0") }, as: UTF8.self)
        let sign = value.sign == .minus ? "-" : ""
        guard decimals > 0 else { return sign + text }
        return sign + text.dropLast(decimals) + "." + text.suffix(decimals)
    }

    /// Every decimal digit of a finite number that is not negative, and how many of them stand behind the point.
    private static func exactDigits(of value: Double) -> (digits: [UInt8], scale: Int) {
        guard value > 0 else { return ([0], 0) }
        let power = Int(value.exponent) - 52
        // significand · 2^52 is whole; a subnormal number has fewer bits, which this covers as well.
        var digits = String(UInt64(value.significand * 0x1p52)).utf8.map { $0 - UInt8(ascii: "0") }
        for _ in 0..<max(0, power) { multiply(&digits, by: 2) }
        // m / 2^k = m · 5^k / 10^k.
        for _ in 0..<max(0, -power) { multiply(&digits, by: 5) }
        return (digits, max(0, -power))
    }

    private static func multiply(_ digits: inout [UInt8], by factor: UInt8) {
        var carry: UInt8 = 0
        for index in digits.indices.reversed() {
            let product = digits[index] * factor + carry
            digits[index] = product % 10
            carry = product / 10
        }
        if carry > 0 { digits.insert(carry, at: 0) }
    }

    private static func rounded(_ digits: [UInt8], dropping count: Int) -> [UInt8] {
        let padded = digits.count <= count ? [UInt8](repeating: 0, count: count + 1 - digits.count) + digits : digits
        var kept = Array(padded.dropLast(count))
        let rest = padded.suffix(count)
        let isTie = rest.first == 5 && rest.dropFirst().allSatisfy { $0 == 0 }
        let isUp = isTie ? (kept.last ?? 0) % 2 == 1 : (rest.first ?? 0) >= 5
        guard isUp else { return kept }
        var index = kept.count - 1
        while index >= 0, kept[index] == 9 {
            kept[index] = 0
            index -= 1
        }
        if index >= 0 { kept[index] += 1 } else { kept.insert(1, at: 0) }
        return kept
    }
}

// MARK: - With an exponent

extension FloatText {
    /// One digit before the point, as `%e` writes it. `value` is not negative.
    static func scientific(_ value: Double, decimals: Int) -> String {
        guard value.isFinite else { return shortest(value) }
        let (digits, exponent) = significant(value, count: decimals + 1)
        let fraction = decimals > 0 ? "." + digits.dropFirst() : ""
        let magnitude = abs(exponent)
        return "\(digits.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")" + (magnitude < 10 ? "0" : "")
            + "\(magnitude)"
    }

    /// The shorter of the two notations, as `%g` writes it. `value` is not negative.
    static func general(_ value: Double, significant count: Int, keepsZeros: Bool) -> String {
        guard value.isFinite else { return shortest(value) }
        let (_, exponent) = significant(value, count: count)
        let isScientific = exponent < -4 || exponent >= count
        let text = isScientific ? scientific(value, decimals: count - 1) : fixed(value, decimals: count - 1 - exponent)
        guard !keepsZeros, text.contains(".") else { return text }
        let end = text.firstIndex(of: "e") ?? text.endIndex
        var mantissa = text[..<end]
        while mantissa.hasSuffix("0") { mantissa.removeLast() }
        if mantissa.hasSuffix(".") { mantissa.removeLast() }
        return String(mantissa + text[end...])
    }

    /// So many digits, correctly rounded, and the power of ten of the first.
    private static func significant(_ value: Double, count: Int) -> (digits: String, exponent: Int) {
        guard value > 0 else { return (String(repeating: "0", count: count), 0) }
        let (exact, scale) = exactDigits(of: value)
        let digits = Array(exact.drop { $0 == 0 })
        var exponent = digits.count - scale - 1
        var kept = digits
        if digits.count > count {
            kept = rounded(digits, dropping: digits.count - count)
            if kept.count > count {
                kept.removeLast()
                exponent += 1
            }
        }
        kept += [UInt8](repeating: 0, count: max(0, count - kept.count))
        return (String(decoding: kept.map { $0 + UInt8(ascii: "0") }, as: UTF8.self), exponent)
    }
}
