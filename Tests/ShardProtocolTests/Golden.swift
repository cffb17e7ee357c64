import Foundation
import NIOCore
import Testing

/// Published bytes, from the folder `Goldens` beside this file.
enum Golden {
    static func bytes(_ name: String) throws -> ByteBuffer {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goldens/\(name).hex")
        let text = try String(contentsOf: path, encoding: .utf8)
        return try #require(Self.bytes(hex: text), "Goldens/\(name).hex is not hex")
    }

    static func bytes(hex text: String) -> ByteBuffer? {
        let digits = text.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var buffer = ByteBuffer()
        for index in stride(from: 0, to: digits.count, by: 2) {
            buffer.writeInteger(UInt8(digits[index] * 16 + digits[index + 1]))
        }
        return buffer
    }

    static func hex(_ bytes: ByteBuffer) -> String {
        bytes.readableBytesView.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 2 ? digits : "0" + digits
        }.joined()
    }
}

/// A generator whose numbers follow from its seed (SplitMix64), so that a failure can be seen again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func bytes(count: Int) -> ByteBuffer {
        ByteBuffer(bytes: (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) })
    }

    /// The message with a few bytes changed, and sometimes cut off.
    mutating func mutation(of message: ByteBuffer) -> ByteBuffer {
        var bytes = Array(message.readableBytesView)
        for _ in 0..<Int.random(in: 1...4, using: &self) {
            bytes[Int.random(in: bytes.indices, using: &self)] = .random(in: .min ... .max, using: &self)
        }
        if Bool.random(using: &self) {
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &self))
        }
        return ByteBuffer(bytes: bytes)
    }
}
