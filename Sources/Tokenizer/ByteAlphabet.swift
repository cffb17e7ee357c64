/// The 256 printable characters by which byte-level vocabularies write bytes.
///
/// A byte that is a printable character of Latin-1 stands for itself; the others, in ascending order, are U+0100 and
/// onwards, so that a space is "Ġ" (U+0120). Introduced by GPT-2's tokenizer and kept by every byte-level BPE since.
enum ByteAlphabet {
    /// The character of each byte.
    static let characters: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (0...255).map { (byte: UInt32) in
            if isPrintable(byte) { return Unicode.Scalar(UInt8(byte)) }
            defer { next += 1 }
            return Unicode.Scalar(next) ?? "\u{FFFD}"
        }
    }()

    /// The byte of each character by its number, all of which are below U+0180; nil for the others.
    private static let bytes: [UInt8?] = {
        var bytes = [UInt8?](repeating: nil, count: 0x180)
        for (byte, character) in characters.enumerated() { bytes[Int(character.value)] = UInt8(byte) }
        return bytes
    }()

    /// The UTF-8 of each byte's character.
    static let encoded: [[UInt8]] = characters.map { Array(String($0).utf8) }

    /// Appends `bytes` written in the alphabet, whose characters have one or two bytes each.
    static func write(_ bytes: some Sequence<UInt8>, into written: inout [UInt8]) {
        for byte in bytes { written.append(contentsOf: encoded[Int(byte)]) }
    }

    /// The bytes that a token stands for; the token itself where it is not written in the alphabet.
    static func read(_ token: [UInt8]) -> [UInt8] {
        var read: [UInt8] = []
        read.reserveCapacity(token.count)
        var position = 0
        while position < token.count {
            var number = Int(token[position])
            position += 1
            if number >= 0x80 {
                // Characters of two bytes reach to U+07FF, of which the alphabet has the first few.
                guard (0xC2...0xC5).contains(number), position < token.count, token[position] & 0xC0 == 0x80 else {
                    return token
                }
                number = (number & 0x1F) << 6 | Int(token[position] & 0x3F)
                position += 1
            }
            guard let byte = bytes[number] else { return token }
            read.append(byte)
        }
        return read
    }

    private static func isPrintable(_ byte: UInt32) -> Bool {
        (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte)
    }
}
