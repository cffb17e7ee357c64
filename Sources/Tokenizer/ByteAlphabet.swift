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

    /// The byte of each character.
    static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
        uniqueKeysWithValues: characters.enumerated().map { ($0.element, UInt8($0.offset)) }
    )

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
        for scalar in String(decoding: token, as: UTF8.self).unicodeScalars {
            guard let byte = bytes[scalar] else { return token }
            read.append(byte)
        }
        return read
    }

    private static func isPrintable(_ byte: UInt32) -> Bool {
        (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte)
    }
}
