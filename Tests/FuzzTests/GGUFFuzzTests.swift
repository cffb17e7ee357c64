import GGUFSamples
import Testing

@testable import GGUF
@testable import Model

extension FuzzTests {
    @Test func `a model survives whatever a GGUF file says of it`() {
        fuzz("gguf model", words: ["llama", "qwen2", "blk.1.", "attn_q"], make: Self.model) { bytes in
            let directory = try ModelDirectory(gguf: bytes, name: "fuzzed")
            let all = 0..<directory.configuration.blockCount
            _ = try directory.weightBytes(of: all)
            _ = try directory.fingerprint()
            guard try directory.missingTensors(for: all).isEmpty else { return false }
            for description in directory.configuration.tensors(of: all) {
                let tensor = try directory.tensor(description)
                let count = description.shape.reduce(1, *)
                guard tensor.rows * tensor.columns == count else { return false }
                guard count < 1 << 16, tensor.type.isWidened else { continue }
                var floats = [Float](repeating: 0, count: tensor.columns)
                for row in 0..<tensor.rows { tensor.widen(row: row, into: &floats) }
            }
            return true
        }
    }

    /// A model of one block with some of what it says changed.
    private static func model(_ random: inout Mutator) -> [UInt8] {
        var sample = Self.oneBlock
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            let tensor = Int.random(in: sample.tensors.indices, using: &random)
            let key = Int.random(in: sample.metadata.indices, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: sample.metadata[key].value = .uint64(random.number(8))
            case 1: sample.metadata[key].value = .float32(Float(bitPattern: UInt32(truncatingIfNeeded: random.next())))
            case 2: sample.metadata[key].key = random.text(sample.metadata[key].key)
            case 3: sample.tensors[tensor].name = random.pick(sample.tensors).name + random.pick(["", "x"])
            case 4: sample.tensors[tensor].dimensions.reverse()
            case _: sample.tensors.remove(at: tensor)
            }
        }
        return random.chance(8) ? random.bytes(sample.bytes) : sample.bytes
    }

    private static let oneBlock: GGUFSample = {
        let counts: [(String, UInt32)] = [
            ("block_count", 1), ("context_length", 32), ("embedding_length", 32), ("feed_forward_length", 64),
            ("attention.head_count", 4), ("attention.head_count_kv", 2), ("rope.dimension_count", 8),
        ]
        func tensor(_ name: String, _ dimensions: Int...) -> GGUFSample.Tensor {
            let count = dimensions.reduce(1, *)
            return dimensions.count == 1
                ? .init(name, .f32, dimensions, [UInt8](repeating: 0, count: 4 * count))
                : .init(name, .q4_0, dimensions, [UInt8](repeating: 0, count: count / 32 * 18))
        }
        return GGUFSample(
            [("general.architecture", .text("llama")), ("llama.attention.layer_norm_rms_epsilon", .float32(1e-5))]
                + counts.map { ("llama.\($0.0)", .uint32($0.1)) },
            tensors: [
                tensor("token_embd.weight", 32, 16), tensor("output_norm.weight", 32),
                tensor("blk.0.attn_norm.weight", 32), tensor("blk.0.ffn_norm.weight", 32),
                tensor("blk.0.attn_q.weight", 32, 32), tensor("blk.0.attn_k.weight", 32, 16),
                tensor("blk.0.attn_v.weight", 32, 16), tensor("blk.0.attn_output.weight", 32, 32),
                tensor("blk.0.ffn_gate.weight", 32, 64), tensor("blk.0.ffn_up.weight", 32, 64),
                tensor("blk.0.ffn_down.weight", 64, 32),
            ]
        )
    }()

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
