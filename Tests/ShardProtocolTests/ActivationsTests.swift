import NIOCore
import Testing

@testable import ShardProtocol

@Suite struct ActivationsTests {
    @Test func `halves travel as little-endian bytes`() throws {
        let tensor = try Activations(tokens: 2, halves: [0x3c00, 0x4000, 0x4200, 0xc400])
        #expect(tensor.shape == [1, 2, 2])
        #expect(Golden.hex(tensor.data) == "003c0040004200c4")
        #expect(tensor.halves == [0x3c00, 0x4000, 0x4200, 0xc400])
        #expect(tensor.tokenCount == 2)
        #expect(tensor.width == 2)
    }

    @Test(arguments: [
        [1, 1, 5], [4, 4], [UInt32.max, UInt32.max, UInt32.max], [UInt32.max, UInt32.max], [], [1, 1, 1, 1, 4],
    ])
    func `refuses a shape that does not match its bytes`(shape: [UInt32]) {
        let data = ByteBuffer(repeating: 0, count: 8)
        #expect {
            try Activations(shape: shape, data: data)
        } throws: {
            ($0 as? ShardError)?.code == .badTensor
        }
    }

    @Test func `takes as many dimensions as the bound allows`() throws {
        let shape = [UInt32](repeating: 1, count: Limits.rank)
        _ = try Activations(shape: shape, data: ByteBuffer(repeating: 0, count: 2))
    }

    @Test func `refuses rows of unequal length`() {
        #expect(throws: ShardError.self) { try Activations(tokens: 2, halves: [1, 2, 3]) }
        #expect(throws: ShardError.self) { try Activations(tokens: 0, halves: []) }
    }

    @Test(arguments: [
        (UInt16(0x7bff), true), (0xfbff, true), (0x7c00, false), (0xfc00, false), (0x7e00, false), (0x0001, true),
    ])
    func `tells finite values from others`(half: UInt16, isFinite: Bool) throws {
        #expect(try Activations(tokens: 1, halves: [0x3c00, half]).isFinite == isFinite)
    }

    @Test func `finds one value among many that is not finite, wherever it stands`() throws {
        for position in 0..<70 {
            var halves = [UInt16](repeating: 0x7bff, count: 70)
            halves[position] = 0xfe01
            #expect(try !Activations(tokens: 1, halves: halves).isFinite)
        }
        #expect(try Activations(tokens: 1, halves: [UInt16](repeating: 0xfbff, count: 70)).isFinite)
        #expect(Activations.none.isFinite)
    }
}
