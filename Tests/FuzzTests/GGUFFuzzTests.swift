import GGUFSamples
import Testing

@testable import GGUF

extension FuzzTests {
    @Test func `the GGUF reader survives whatever a file says`() {
        fuzz("gguf", words: ["GGUF", "general.alignment", "tokenizer.ggml.tokens"], make: Self.gguf) { bytes in
            let file = try GGUFFile(bytes)
            var end = 0
            for tensor in file.tensors.sorted(by: { $0.bytes.lowerBound < $1.bytes.lowerBound }) {
                #expect(tensor.bytes.lowerBound >= end && tensor.bytes.upperBound <= bytes.count)
                let count = tensor.dimensions.reduce(1, *)
                #expect(count / tensor.type.blockSize * tensor.type.blockBytes == tensor.bytes.count)
                end = tensor.bytes.upperBound
            }
            for value in file.metadata.values {
                _ = value.string
                guard let array = value.array else { continue }
                let decoded =
                    array.texts?.count ?? array.integers?.count ?? array.floats?.count ?? array.bools?.count
                #expect(decoded == array.count || array.elementType == .float64 || array.elementType == .uint64)
            }
            return true
        }
    }

    /// A sample with some of its claims changed, and sometimes some of its bytes.
    private static func gguf(_ random: inout Mutator) -> [UInt8] {
        var sample = Self.sound
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let tensor = Int.random(in: sample.tensors.indices, using: &random)
            let key = Int.random(in: sample.metadata.indices, using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0: sample.version = UInt32(truncatingIfNeeded: random.number(3))
            case 1: sample.claimedTensors = random.number(UInt64(sample.tensors.count))
            case 2: sample.claimedKeys = random.number(UInt64(sample.metadata.count))
            case 3: sample.metadata[key].key = random.text(sample.metadata[key].key)
            case 4: sample.metadata[key].value = .raw(UInt32.random(in: 0...13, using: &random), random.bytes([9, 0]))
            case 5: sample.metadata[key].value = Self.lyingArray(&random)
            case 6: sample.tensors[tensor].name = random.text(sample.tensors[tensor].name)
            case 7: sample.tensors[tensor].type = UInt32.random(in: 0...42, using: &random)
            case 8: sample.tensors[tensor].offset = random.number(64)
            case 9: sample.tensors[tensor].dimensions[0] = random.number(sample.tensors[tensor].dimensions[0])
            case 10: sample.tensors[tensor].dimensions.append(random.number(1))
            case _: sample.tensors.append(random.pick(sample.tensors))
            }
        }
        return random.chance(3) ? random.bytes(sample.bytes) : sample.bytes
    }

    private static func lyingArray(_ random: inout Mutator) -> GGUFSample.Value {
        var array: [UInt8] = []
        array.append(little: UInt32.random(in: 0...13, using: &random))
        array.append(little: random.number(2))
        return .raw(9, array + random.bytes([1, 0, 0, 0, 0, 0, 0, 0, 65, 1, 0, 0, 0, 0, 0, 0, 0, 66]))
    }

    private static let sound = GGUFSample(
        [
            ("general.architecture", .text("llama")), ("general.alignment", .uint32(32)),
            ("llama.block_count", .int32(2)),
            ("tokenizer.ggml.tokens", .texts(["a", "b", "ab"])), ("tokenizer.ggml.scores", .floats([0, -1, -2])),
            ("tokenizer.ggml.token_type", .integers([1, 1, 3])), ("a.wide", .array(.uint64, [.uint64(.max)])),
            ("a.flags", .array(.bool, [.bool(true)])), ("a.epsilon", .float64(1e-5)),
        ],
        tensors: [
            .init("a.weight", .f32, [4, 2], [UInt8](repeating: 1, count: 32)),
            .init("b.weight", .q8_0, [32, 3], [UInt8](repeating: 2, count: 102)),
            .init("c.weight", .q4_K, [256], [UInt8](repeating: 3, count: 144)),
        ]
    )
}
