import Foundation
import Testing

@testable import GGUF

@Suite struct DequantisationTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../shared/testdata/gguf_dequant").standardized

    /// Types with random blocks in the folder, where it is.
    static let types = GGMLType.allCases.filter { type in
        FileManager.default.fileExists(atPath: Self.folder.appendingPathComponent("\(type.name).bin").path)
    }

    @Test(.enabled(if: !types.isEmpty, "needs ../shared/testdata, which is not here"), arguments: types)
    func `gives the floats of ggml's reference to the bit`(type: GGMLType) throws {
        let blocks = Array(try Data(contentsOf: Self.folder.appendingPathComponent("\(type.name).bin")))
        let golden = Array(try Data(contentsOf: Self.folder.appendingPathComponent("\(type.name).npy")))
        let count = blocks.count / type.blockBytes * type.blockSize
        #expect(golden.count > 4 * count)
        try #require(type.isDequantised)
        let floats = blocks.withUnsafeBytes { type.floats($0, count: count) }
        #expect(floats.withUnsafeBytes { Array($0) } == golden.suffix(4 * count))
    }

    @Test func `reads every f16`() {
        for bits in UInt16.min ... .max {
            let float = withUnsafeBytes(of: bits.littleEndian) { bytes in
                bytes.baseAddress.map { Block(start: $0).half(0) } ?? 0
            }
            let magnitude = bits & 0x7FFF
            let fraction = Float(magnitude & 0x3FF)
            let exponent = Int(magnitude >> 10)
            let expected: Float =
                switch exponent {
                case 0: fraction * 0x1p-24
                case 31: fraction == 0 ? .infinity : .nan
                case _: Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
                }
            #expect(float.isNaN ? expected.isNaN : float == (bits > 0x7FFF ? -expected : expected))
            #expect(float.isNaN || (float.sign == .minus) == (bits > 0x7FFF))
        }
    }
}

extension GGMLType {
    fileprivate func floats(_ blocks: UnsafeRawBufferPointer, count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, filled in
            if let start = buffer.baseAddress { self.dequantise(blocks, into: start) }
            filled = count
        }
    }
}
