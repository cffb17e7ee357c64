import Model
import NIOCore
import ShardProtocol

/// A Llama model of four blocks with random weights, in memory: small enough that a test loads it in a moment.
enum TinyModel {
    static let blockCount = 4
    static let hidden = 32
    static let vocabulary = 48
    static let context = 640

    private static let feedForward = 64
    private static let keyValueWidth = 16

    static func directory() throws -> ModelDirectory { try ModelDirectory(embedded: self.embedded) }

    /// The same model with weights that are not numbers.
    ///
    /// The last weight is one of the last block's feed-forward: NaN in f16.
    static func brokenDirectory() throws -> ModelDirectory { try self.directory(endingIn: [0x7e00]) }

    /// The same model with a stream that leaves the range of f16.
    ///
    /// The last row of the last block's feed-forward is the largest number of f16 throughout.
    static func loudDirectory() throws -> ModelDirectory {
        try self.directory(endingIn: [UInt16](repeating: 0x7bff, count: self.feedForward))
    }

    /// The same model with other weights at its end, as f16 bits.
    private static func directory(endingIn weights: [UInt16]) throws -> ModelDirectory {
        var model = self.embedded
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: model.weights.count, alignment: 64)
        copy.copyMemory(from: model.weights)
        let start = copy.count - 2 * weights.count
        for (index, weight) in weights.enumerated() {
            copy.storeBytes(of: weight.littleEndian, toByteOffset: start + 2 * index, as: UInt16.self)
        }
        model.weights = UnsafeRawBufferPointer(copy)
        return try ModelDirectory(embedded: model)
    }

    static func loaded(_ range: Range<Int> = 0..<blockCount) throws -> LoadedRange {
        try LoadedRange(Self.directory(), range: range, threads: 1)
    }

    private static let embedded = EmbeddedModel(
        name: "tiny",
        configuration: Array(
            """
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": \(hidden),
             "intermediate_size": \(feedForward), "num_hidden_layers": \(blockCount), "num_attention_heads": 2,
             "num_key_value_heads": 1, "head_dim": 16, "vocab_size": \(vocabulary),
             "max_position_embeddings": \(context), "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
             "hidden_act": "silu", "tie_word_embeddings": true, "torch_dtype": "float16"}
            """.utf8
        ),
        tokenizer: Array("{}".utf8),
        weights: UnsafeRawBufferPointer(Self.safetensors())
    )

    private static var tensors: [(name: String, shape: [Int])] {
        var tensors: [(String, [Int])] = [
            ("model.embed_tokens.weight", [vocabulary, hidden]), ("model.norm.weight", [hidden]),
        ]
        for block in 0..<blockCount {
            let prefix = "model.layers.\(block)."
            tensors += [
                ("\(prefix)input_layernorm.weight", [hidden]), ("\(prefix)post_attention_layernorm.weight", [hidden]),
                ("\(prefix)self_attn.q_proj.weight", [hidden, hidden]),
                ("\(prefix)self_attn.k_proj.weight", [keyValueWidth, hidden]),
                ("\(prefix)self_attn.v_proj.weight", [keyValueWidth, hidden]),
                ("\(prefix)self_attn.o_proj.weight", [hidden, hidden]),
                ("\(prefix)mlp.gate_proj.weight", [feedForward, hidden]),
                ("\(prefix)mlp.up_proj.weight", [feedForward, hidden]),
                ("\(prefix)mlp.down_proj.weight", [hidden, feedForward]),
            ]
        }
        return tensors
    }

    /// The file's bytes: header length, header, weights; kept for as long as the process lives.
    private static func safetensors() -> UnsafeMutableRawBufferPointer {
        var entries: [String] = []
        var weights: [UInt16] = []
        for (index, tensor) in Self.tensors.enumerated() {
            let start = weights.count * 2
            let count = tensor.shape.reduce(1, *)
            weights += Numerics.halves(
                (0..<count).map { position in
                    let number = Numerics.random(seed: UInt64(index), position: UInt64(position))
                    return tensor.shape.count == 1 ? 1 : Float(number - 0.5)
                }
            )
            entries.append(
                "\"\(tensor.name)\": {\"dtype\": \"F16\", \"shape\": \(tensor.shape), "
                    + "\"data_offsets\": [\(start), \(weights.count * 2)]}"
            )
        }
        var header = "{\(entries.joined(separator: ", "))}"
        header += String(repeating: " ", count: (64 - (header.utf8.count + 8) % 64) % 64)
        var file = ByteBuffer()
        file.writeInteger(UInt64(header.utf8.count), endianness: .little)
        file.writeString(header)
        for weight in weights { file.writeInteger(weight, endianness: .little) }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: file.readableBytes, alignment: 64)
        memory.copyBytes(from: file.readableBytesView)
        return memory
    }
}

/// Requests of one session, as a coordinator would write them.
struct TestSession {
    var id: UInt64 = 1
    var blocks: BlockRange

    init(id: UInt64 = 1, _ lower: Int, _ upper: Int) throws {
        self.id = id
        self.blocks = try BlockRange(lower, upper)
    }

    func tokens(
        _ ids: [UInt32],
        at position: UInt32,
        step: UInt32,
        rollback: Bool = false,
        maxTokens: UInt32? = nil,
        logits: StepExtension.Logits = .last
    ) -> InferenceRequest {
        InferenceRequest(
            sessionID: SessionID(rawValue: self.id),
            position: SequencePosition(rawValue: position),
            payload: .tokenIDs(ids),
            step: StepExtension(
                blocks: self.blocks,
                step: step,
                rollback: rollback,
                maxTokens: maxTokens,
                logits: logits
            )
        )
    }

    func hidden(
        _ activations: Activations,
        at position: UInt32,
        step: UInt32,
        logits: StepExtension.Logits = .last
    ) -> InferenceRequest {
        var request = self.tokens([], at: position, step: step, logits: logits)
        request.payload = .hiddenStates(activations)
        return request
    }

    func close() -> InferenceRequest {
        var request = self.tokens([], at: 0, step: 0)
        request.step?.operation = .close
        return request
    }
}
