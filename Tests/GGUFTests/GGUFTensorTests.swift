import GGUFSamples
import Testing

@testable import GGUF

@Suite struct GGUFTensorTests {
    private func error(_ change: (inout GGUFSample.Tensor) -> Void) -> GGUFError? {
        var sample = soundSample
        change(&sample.tensors[1])
        return ggufError(sample)
    }

    @Test(
        arguments: [
            [], [1, 1, 1, 1, 1], [0], [64, 0], [.max], [1 << 62, 4], [1 << 32, 1 << 32], [1 << 63], [32, 1 << 58],
        ] as [[UInt64]]
    ) func `refuses dimensions that no tensor has`(dimensions: [UInt64]) {
        #expect(self.error { $0.dimensions = dimensions }?.code == .invalid)
    }

    @Test func `a row is a whole number of blocks`() {
        let error = self.error { $0.dimensions = [34, 2] }
        #expect(error?.reason == "gives output.weight rows of 34 numbers, no multiple of Q8_0's 32")
    }

    @Test(arguments: [UInt32(4), 5, 31, 1000, .max]) func `names a type that it does not know`(type: UInt32) {
        let error = self.error { $0.type = type }
        #expect(error?.code == .unknownType)
        #expect(error?.reason.contains("output.weight as type \(type)") == true)
    }

    @Test func `as many dimensions as the limit, and names as long, but no more`() {
        func error(rank: Int, nameBytes: Int) -> GGUFError? {
            let name = String(repeating: "n", count: nameBytes)
            let dimensions = Array(repeating: 1, count: rank)
            return ggufError(GGUFSample(tensors: [.init(name, .f32, dimensions, [0, 0, 0, 0])]))
        }
        #expect(error(rank: Limits.tensorRank, nameBytes: Limits.tensorNameBytes) == nil)
        #expect(error(rank: Limits.tensorRank + 1, nameBytes: 1)?.code == .invalid)
        #expect(error(rank: 1, nameBytes: Limits.tensorNameBytes + 1)?.code == .tooLarge)
    }
}
