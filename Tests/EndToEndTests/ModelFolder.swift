import Foundation

/// A sound little Llama of two blocks in Hugging Face's format, for tests to damage.
struct ModelFolder {
    let path: String

    private static let hidden = 32
    private static let vocabulary = 512
    static let blockCount = 2
    static let contextLength = 64

    /// - Parameter shards: with more than one, `model.safetensors.index.json` names them.
    init(in home: Home, shards: Int = 1) throws {
        self.path = "\(home.path)/model-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
        try self.write("config.json", Data(Self.configuration.utf8))
        try self.write("tokenizer.json", Data(contentsOf: Self.tokenizer))
        var map: [String: String] = [:]
        for shard in 0..<shards {
            let part = Array(Self.shapes.enumerated().filter { $0.offset % shards == shard }.map(\.element))
            let name = shards == 1 ? "model.safetensors" : "model-0000\(shard + 1)-of-0000\(shards).safetensors"
            try self.write(name, Self.safetensors(part))
            for tensor in part { map[tensor.name] = name }
        }
        if shards > 1 {
            try self.write("model.safetensors.index.json", JSONEncoder().encode(["weight_map": map]))
        }
    }

    // MARK: Damage

    func write(_ file: String, _ data: Data) throws {
        try data.write(to: URL(fileURLWithPath: "\(self.path)/\(file)"))
    }

    func remove(_ file: String) throws {
        try FileManager.default.removeItem(atPath: "\(self.path)/\(file)")
    }

    func replace(_ text: String, with other: String, in file: String) throws {
        let old = try String(contentsOfFile: "\(self.path)/\(file)", encoding: .utf8)
        try self.write(file, Data(old.replacing(text, with: other).utf8))
    }

    func truncate(_ file: String, by count: Int) throws {
        try self.write(file, Data(contentsOf: URL(fileURLWithPath: "\(self.path)/\(file)")).dropLast(count))
    }

    func overwrite(_ file: String, at offset: Int, with bytes: [UInt8]) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: "\(self.path)/\(file)"))
        data.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        try self.write(file, data)
    }

    // MARK: Contents

    private static let configuration = """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": \(hidden), "intermediate_size": 32,
         "num_hidden_layers": \(blockCount), "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 32,
         "vocab_size": \(vocabulary), "max_position_embeddings": \(contextLength), "rms_norm_eps": 1e-05,
         "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": true, "eos_token_id": 507}
        """

    /// The one of the tokenizer's tests: byte-level, and without a token that begins a sequence.
    private static let tokenizer = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent()
        .deletingLastPathComponent()
        .appendingPathComponent("TokenizerTests/Fixtures/tokenizers/tiny-bytebpe/tokenizer.json")

    private static var shapes: [(name: String, shape: [Int])] {
        let outer = [("model.embed_tokens.weight", [vocabulary, hidden]), ("model.norm.weight", [hidden])]
        let blocks = (0..<blockCount).flatMap { block in
            let projections = ["q", "k", "v", "o"].map { ("self_attn.\($0)_proj", [hidden, hidden]) }
            let products = ["gate", "up", "down"].map { ("mlp.\($0)_proj", [hidden, hidden]) }
            let norms = ["input_layernorm", "post_attention_layernorm"].map { ($0, [hidden]) }
            return (projections + products + norms).map { ("model.layers.\(block).\($0.0).weight", $0.1) }
        }
        return (outer + blocks).map { (name: $0.0, shape: $0.1) }
    }

    /// Weights of f32 that a counter makes; what they compute does not matter.
    private static func safetensors(_ tensors: [(name: String, shape: [Int])]) -> Data {
        var data = Data()
        var entries: [String] = []
        for (name, shape) in tensors {
            let start = data.count
            for index in 0..<shape.reduce(1, *) {
                let value = Float(index &* 7919 % 101) / 101 - 0.5
                withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
            }
            entries.append(
                "\"\(name)\":{\"dtype\":\"F32\",\"shape\":\(shape),\"data_offsets\":[\(start),\(data.count)]}"
            )
        }
        let header = Data("{\(entries.joined(separator: ","))}".utf8)
        return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header + data
    }
}
