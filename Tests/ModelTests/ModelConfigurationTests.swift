import Foundation
import StrictJSON
import Testing

@testable import Model

@Suite struct ModelConfigurationTests {
    private func parse(_ model: TinyModel) throws(ModelError) -> ModelConfiguration {
        try ModelConfiguration(parsing: Array(model.configuration.utf8))
    }

    private func parse(_ extra: [String: String], architecture: String = "LlamaForCausalLM") throws(ModelError)
        -> ModelConfiguration
    {
        try self.parse(TinyModel(architecture: architecture, extraKeys: extra))
    }

    @Test func `resolves what a file leaves out`() throws {
        let text = #"""
            {"architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 4,
            "num_attention_heads": 4, "vocab_size": 512, "max_position_embeddings": 256, "rms_norm_eps": 1e-05}
            """#
        let configuration = try ModelConfiguration(parsing: Array(text.utf8))
        #expect(configuration.keyValueHeadCount == 4)
        #expect(configuration.headDimension == 16)
        #expect(configuration.rotary == RotaryEmbedding(base: 10_000, scaling: .none))
        #expect(!configuration.tiesEmbeddings)
        #expect(configuration.biases == .init(queryKeyValue: false, attentionOutput: false, feedForward: false))
        #expect(configuration.endOfSequenceTokens.isEmpty)
        #expect(configuration.beginOfSequenceToken == nil)
    }

    @Test func `reads what families do differently`() throws {
        let llama = try self.parse(["attention_bias": "true"])
        #expect(llama.biases == .init(queryKeyValue: true, attentionOutput: true, feedForward: false))
        #expect(llama.endOfSequenceTokens == [2, 3])
        #expect(llama.beginOfSequenceToken == 1)
        let qwen = try self.parse(
            ["use_sliding_window": "false", "sliding_window": "32", "max_window_layers": "2"],
            architecture: "Qwen2ForCausalLM"
        )
        #expect(qwen.biases == .init(queryKeyValue: true, attentionOutput: false, feedForward: false))
    }

    @Test(.enabled(if: SharedData.isPresent, "\(SharedData.absence)"), arguments: ParityTests.models)
    func `both generations of a file mean the same`(model: String) throws {
        let folder = "\(SharedData.folder)/parity/\(model)"
        let both = try ["config.json", "config.v5.json"].map { name in
            try ModelConfiguration(parsing: Array(Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))))
        }
        #expect(both[0] == both[1])
        #expect(both[0].mathematics.canonicalBytes == both[1].mathematics.canonicalBytes)
    }

    @Test(
        .enabled(if: SharedData.isPresent, "\(SharedData.absence)"),
        arguments: [
            "Llama-3.2-1B-Instruct", "Llama-3.2-3B-Instruct", "Qwen2.5-0.5B-Instruct", "Qwen2.5-1.5B-Instruct",
            "SmolLM2-135M-Instruct", "SmolLM2-360M-Instruct", "TinyLlama-1.1B-Chat-v1.0", "Mistral-7B-v0.1",
            "Mistral-7B-Instruct-v0.3", "Qwen3-0.6B", "Qwen3-1.7B",
        ]
    ) func `reads the configurations of real models`(model: String) throws {
        let path = "\(SharedData.folder)/configs/\(model).json"
        let configuration = try ModelConfiguration(parsing: Array(Data(contentsOf: URL(fileURLWithPath: path))))
        #expect(configuration.queryWidth == configuration.hiddenSize || model == "Qwen3-0.6B")
        #expect(!configuration.endOfSequenceTokens.isEmpty)
        #expect(configuration.blockKinds.allSatisfy { $0.window == (model == "Mistral-7B-v0.1" ? 4096 : nil) })
    }

    /// A changed key, the error's code, and what its message must say.
    static let refused: [(key: String, value: String, code: ModelError.Code, says: String)] = [
        (
            "architectures", "[\"GPT2LMHeadModel\"]", .unsupportedArchitecture,
            "LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM"
        ),
        ("architectures", "[]", .unsupportedArchitecture, "names no architecture"),
        ("architectures", "[\"LlamaForCausalLM\", \"Other\"]", .unsupportedArchitecture, "Other"),
        ("model_type", "\"qwen2\"", .invalidConfiguration, "model_type"),
        ("hidden_size", "null", .invalidConfiguration, "lacks \"hidden_size\""),
        ("hidden_size", "0", .invalidConfiguration, "hidden_size"),
        ("hidden_size", "-64", .invalidConfiguration, "hidden_size"),
        ("hidden_size", "64.5", .invalidConfiguration, "hidden_size"),
        ("hidden_size", "\"64\"", .invalidConfiguration, "hidden_size"),
        ("hidden_size", "99999999999", .invalidConfiguration, "hidden_size"),
        ("num_hidden_layers", "\(Limits.blockCount + 1)", .invalidConfiguration, "num_hidden_layers"),
        ("vocab_size", "\(Limits.vocabularySize + 1)", .invalidConfiguration, "vocab_size"),
        ("max_position_embeddings", "\(Limits.contextLength + 1)", .invalidConfiguration, "max_position_embeddings"),
        ("head_dim", "\(Limits.headDimension + 1)", .invalidConfiguration, "head_dim"),
        ("head_dim", "15", .invalidConfiguration, "even"),
        ("num_key_value_heads", "2", .invalidConfiguration, "multiple"),
        ("rms_norm_eps", "0", .invalidConfiguration, "rms_norm_eps"),
        ("rope_theta", "1", .invalidConfiguration, "rope_theta"),
        ("tie_word_embeddings", "1", .invalidConfiguration, "true or false"),
        ("eos_token_id", "\"</s>\"", .invalidConfiguration, "eos_token_id"),
        ("eos_token_id", "-1", .invalidConfiguration, "eos_token_id"),
        ("hidden_act", "\"gelu\"", .unsupportedSetting, "gelu"),
        ("quantization_config", "{}", .unsupportedSetting, "quantised"),
        ("hidden_act", "\"gelu_pytorch_tanh\"", .unsupportedSetting, "silu"),
        ("partial_rotary_factor", "0.5", .unsupportedSetting, "rotation"),
        ("rope_interleaved", "true", .unsupportedSetting, "interleaved"),
        ("layer_types", "[\"full_attention\", \"sliding_attention\"]", .unsupportedSetting, "sliding_attention"),
        ("residual_multiplier", "0.5", .unsupportedSetting, "residual_multiplier"),
        ("logit_scale", "2", .unsupportedSetting, "logit_scale"),
        ("rope_scaling", "{\"type\":\"dynamic\",\"factor\":2}", .unsupportedSetting, "dynamic"),
        ("rope_scaling", "{\"type\":\"longrope\"}", .invalidConfiguration, "short_factor"),
        ("rope_scaling", "{\"type\":\"linear\"}", .invalidConfiguration, "factor"),
        ("rope_scaling", "{\"type\":\"linear\",\"factor\":0}", .invalidConfiguration, "factor"),
        ("rope_scaling", "{\"type\":\"linear\",\"factor\":2,\"surprise\":1}", .unsupportedSetting, "surprise"),
        ("rope_scaling", "[]", .invalidConfiguration, "rope_scaling"),
        ("rope_scaling", "{\"rope_type\":\"llama3\",\"factor\":8}", .invalidConfiguration, "low_freq_factor"),
    ]

    @Test(arguments: refused.indices) func `refuses what it would compute wrongly`(index: Int) {
        let (key, value, code, says) = Self.refused[index]
        let error = modelError { _ = try self.parse([key: value]) }
        #expect(error?.code == code, "\(key): \(value): \(error?.message ?? "accepted")")
        #expect(error?.message.contains(says) == true, "\(error?.message ?? "")")
    }

    @Test func `refuses two descriptions of the rotation`() {
        let error = modelError {
            _ = try self.parse([
                "rope_scaling": "{\"type\":\"linear\",\"factor\":2}", "rope_parameters": "{\"rope_type\":\"default\"}",
            ])
        }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test func `knows which blocks see a window only`() throws {
        func windows(_ architecture: String, _ extra: [String: String]) throws -> [Int?] {
            try self.parse(extra, architecture: architecture).blockKinds.map(\.window)
        }
        let none = [Int?](repeating: nil, count: 6)
        let on = ["use_sliding_window": "true", "sliding_window": "32", "max_window_layers": "4"]
        #expect(try windows("Qwen2ForCausalLM", on) == [nil, nil, nil, nil, 32, 32])
        #expect(try windows("Qwen2ForCausalLM", on.merging(["use_sliding_window": "false"]) { $1 }) == none)
        #expect(try windows("Qwen2ForCausalLM", on.merging(["sliding_window": "700"]) { $1 }) == none)
        let types = ["full_attention", "sliding_attention", "full_attention"].flatMap { ["\"\($0)\"", "\"\($0)\""] }
        let listed = ["layer_types": "[\(types.joined(separator: ","))]"]
        #expect(try windows("Qwen2ForCausalLM", on.merging(listed) { $1 }) == [nil, nil, 32, 32, nil, nil])
        #expect(try windows("MistralForCausalLM", ["sliding_window": "32"]) == [32, 32, 32, 32, 32, 32])
        #expect(try windows("MistralForCausalLM", ["sliding_window": "null"]) == none)
        // What transformers takes where the key is absent is wider than this context.
        #expect(try windows("MistralForCausalLM", [:]) == none)
        #expect(
            try windows("MistralForCausalLM", ["max_position_embeddings": "5000"])
                == [Int?](repeating: 4096, count: 6)
        )
        #expect(
            modelError { _ = try windows("MistralForCausalLM", ["sliding_window": "32"].merging(listed) { $1 }) }?.code
                == .unsupportedSetting
        )
    }

    @Test func `refuses a file that is not JSON`() {
        #expect(modelError { _ = try ModelConfiguration(parsing: Array("{".utf8)) }?.code == .invalidConfiguration)
        #expect(modelError { _ = try ModelConfiguration(parsing: Array("3".utf8)) }?.code == .invalidConfiguration)
    }

    @Test func `keys that only say how a model was made change nothing`() throws {
        let plain = try self.parse(TinyModel())
        let dressed = try self.parse(["torch_dtype": "\"float16\"", "use_cache": "true", "unknown_key": "null"])
        #expect(plain == dressed)
    }
}
