/// The spellings of bytes as text in which peer ids and CIDs occur: base58btc, base36, base32 and base16.
enum Multibase {
    /// Takes text whose first character names its base.
    static func bytes(_ text: String) -> [UInt8]? {
        let body = text.utf8.dropFirst()
        switch text.utf8.first {
        case UInt8(ascii: "f"): return self.bytes(base16: body)
        case UInt8(ascii: "b"): return self.bytes(base32: body)
        case UInt8(ascii: "k"): return self.bytes(base36: body)
        case UInt8(ascii: "z"): return self.bytes(base58btc: body)
        default: return nil
        }
    }

    static func base16(_ bytes: some Collection<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Two digits a byte, of either case; at least one byte.
    static func bytes(base16 text: some Collection<UInt8>) -> [UInt8]? {
        let digits = text.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == text.count, digits.count % 2 == 0, !digits.isEmpty else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    static let base58Alphabet = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8)
    static let base36Alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)
    static let base32Alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    static func base58btc(_ bytes: some Collection<UInt8>) -> String {
        let alphabet = self.base58Alphabet
        // Digits of the number that the bytes spell in base 256, the lowest first.
        var digits: [Int] = []
        for byte in bytes.drop(while: { $0 == 0 }) {
            var carry = Int(byte)
            for index in digits.indices {
                carry += digits[index] << 8
                digits[index] = carry % alphabet.count
                carry /= alphabet.count
            }
            while carry > 0 {
                digits.append(carry % alphabet.count)
                carry /= alphabet.count
            }
        }
        let zeros = bytes.prefix { $0 == 0 }.count
        let text = Array(repeating: alphabet[0], count: zeros) + digits.reversed().map { alphabet[$0] }
        return String(decoding: text, as: UTF8.self)
    }

    static func bytes(base58btc text: some Collection<UInt8>) -> [UInt8]? {
        self.bytes(text, alphabet: self.base58Alphabet)
    }

    static func bytes(base36 text: some Collection<UInt8>) -> [UInt8]? {
        self.bytes(text, alphabet: self.base36Alphabet)
    }

    /// RFC 4648 without padding: five bits a character, the highest first.
    static func bytes(base32 text: some Collection<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var accumulator: UInt16 = 0
        var bitCount = 0
        for character in text {
            guard let digit = self.base32Alphabet.firstIndex(of: character) else { return nil }
            accumulator = accumulator << 5 | UInt16(digit)
            bitCount += 5
            if bitCount >= 8 {
                bitCount -= 8
                result.append(UInt8(truncatingIfNeeded: accumulator >> bitCount))
                accumulator &= (1 << bitCount) - 1
            }
        }
        // Left-over bits must be padding: fewer than a character's, and zero.
        return bitCount < 5 && accumulator == 0 ? result : nil
    }

    /// The number that `text` spells, in base 256; each leading zero digit is a zero byte.
    private static func bytes(_ text: some Collection<UInt8>, alphabet: [UInt8]) -> [UInt8]? {
        // The lowest first.
        var result: [UInt8] = []
        for character in text {
            guard var carry = alphabet.firstIndex(of: character) else { return nil }
            for index in result.indices {
                carry += Int(result[index]) * alphabet.count
                result[index] = UInt8(carry & 0xff)
                carry >>= 8
            }
            while carry > 0 {
                result.append(UInt8(carry & 0xff))
                carry >>= 8
            }
        }
        let zeros = text.prefix { $0 == alphabet[0] }.count
        return Array(repeating: 0, count: zeros) + result.reversed()
    }
}
