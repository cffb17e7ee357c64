import Foundation

@testable import Model

/// A model of random weights from a seed, small enough for every test and unlike any real one in its sizes.
struct TinyModel {
    var architecture = "LlamaForCausalLM"
    var hidden = 48
    var feedForward = 80
    var blocks = 6
    var heads = 3
    var keyValueHeads = 1
    var headDimension = 16
    var vocabulary = 61
    var context = 700
    var isTied = true
    var type = TensorType.f16
    var seed: UInt64 = 11
    /// A tensor whose first number is infinite.
    var infiniteTensor: String?
    /// Keys that are added to `config.json`, as JSON.
    var extraKeys: [String: String] = [:]

    var configuration: String {
        var keys = [
            "architectures": "[\"\(self.architecture)\"]", "hidden_size": "\(self.hidden)",
            "intermediate_size": "\(self.feedForward)", "num_hidden_layers": "\(self.blocks)",
            "num_attention_heads": "\(self.heads)", "num_key_value_heads": "\(self.keyValueHeads)",
            "head_dim": "\(self.headDimension)", "vocab_size": "\(self.vocabulary)", "hidden_act": "\"silu\"",
            "max_position_embeddings": "\(self.context)", "rms_norm_eps": "1e-05", "rope_theta": "10000.0",
            "tie_word_embeddings": "\(self.isTied)", "bos_token_id": "1", "eos_token_id": "[2, 3]",
        ]
        keys.merge(self.extraKeys) { _, new in new }
        return "{" + keys.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ",") + "}"
    }

    static let tokenizer = #"{"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}}}"#

    /// The tensors that the configuration asks for, filled from the seed.
    func tensors() throws -> [SafetensorsFile.Tensor] {
        let configuration = try ModelConfiguration(parsing: Array(self.configuration.utf8))
        var random = RandomNumbers(seed: self.seed)
        var names: Set<String> = []
        return configuration.tensors(of: 0..<self.blocks).filter { names.insert($0.name).inserted }.map { tensor in
            let isNorm = tensor.name.contains("norm")
            let scale = tensor.name.contains("embed") ? 1 : 2 / Float(tensor.shape.last ?? 1).squareRoot()
            var values = (0..<tensor.shape.reduce(1, *)).map { _ in
                let value = Float.random(in: -1...1, using: &random)
                return isNorm ? 1 + value / 4 : value * scale
            }
            if tensor.name == self.infiniteTensor { values[0] = .infinity }
            return SafetensorsFile.Tensor(tensor.name, self.type, tensor.shape, self.bytes(values))
        }
    }

    private func bytes(_ values: [Float]) -> [UInt8] {
        switch self.type {
        case .f16, .i16:
            zip(Numerics.halves(values), values).map { $1.isInfinite ? 0x7C00 : $0 }.withUnsafeBytes { Array($0) }
        case .bf16: values.map { UInt16($0.bitPattern >> 16) }.withUnsafeBytes { Array($0) }
        default: values.withUnsafeBytes { Array($0) }
        }
    }

    /// The model as part of the program; its weights are never freed, as those of a program.
    func embedded() throws -> ModelDirectory {
        let file = SafetensorsFile(tensors: try self.tensors()).bytes
        let weights = UnsafeMutableRawBufferPointer.allocate(byteCount: file.count, alignment: 64)
        weights.copyBytes(from: file)
        return try ModelDirectory(
            embedded: EmbeddedModel(
                name: "tiny",
                configuration: Array(self.configuration.utf8),
                tokenizer: Array(Self.tokenizer.utf8),
                weights: UnsafeRawBufferPointer(weights)
            )
        )
    }

    /// Writes the model into a folder, in one file or several with an index.
    func write(to folder: String, shards: Int = 1) throws {
        try Data(self.configuration.utf8).write(to: URL(fileURLWithPath: "\(folder)/config.json"))
        try Data(Self.tokenizer.utf8).write(to: URL(fileURLWithPath: "\(folder)/tokenizer.json"))
        let tensors = try self.tensors()
        var map: [String: String] = [:]
        for shard in 0..<shards {
            let part = tensors[tensors.count * shard / shards..<tensors.count * (shard + 1) / shards]
            let name = shards == 1 ? "model.safetensors" : "model-0000\(shard + 1)-of-0000\(shards).safetensors"
            let file = SafetensorsFile(tensors: Array(part))
            try Data(file.bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
            for tensor in part { map[tensor.name] = name }
        }
        guard shards > 1 else { return }
        let index = try JSONEncoder().encode(["weight_map": map])
        try index.write(to: URL(fileURLWithPath: "\(folder)/model.safetensors.index.json"))
    }
}

/// Writes safetensors files, sound ones unless a test asks for something else.
struct SafetensorsFile {
    struct Tensor {
        var name: String
        var type: TensorType
        var shape: [Int]
        var bytes: [UInt8]

        init(_ name: String, _ type: TensorType, _ shape: [Int], _ bytes: [UInt8]) {
            (self.name, self.type, self.shape, self.bytes) = (name, type, shape, bytes)
        }
    }

    var tensors: [Tensor]

    var header: String {
        var offset = 0
        let entries = self.tensors.map { tensor in
            defer { offset += tensor.bytes.count }
            return "\"\(tensor.name)\":{\"dtype\":\"\(tensor.type.rawValue)\",\"shape\":\(tensor.shape),"
                + "\"data_offsets\":[\(offset),\(offset + tensor.bytes.count)]}"
        }
        return "{" + entries.joined(separator: ",") + "}"
    }

    var bytes: [UInt8] { Self.bytes(header: self.header, data: self.tensors.flatMap(\.bytes)) }

    static func bytes(header: String, data: [UInt8]) -> [UInt8] {
        let padding = String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        let text = Array((header + padding).utf8)
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text + data
    }
}

/// A folder that goes away with the test.
func withTemporaryFolder<R>(_ body: (String) throws -> R) throws -> R {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("kwaai-model-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.path)
}

/// The error that `body` throws, or nil.
func modelError(_ body: () throws -> Void) -> ModelError? {
    do {
        try body()
        return nil
    } catch {
        return error as? ModelError
    }
}
