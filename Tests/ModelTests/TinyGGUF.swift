import Foundation
import GGUF
import GGUFSamples

@testable import Model

/// A tiny model as llama.cpp would convert it: written anew here, without the tables that are tested.
struct TinyGGUF {
    var model: TinyModel
    /// As in `general.architecture`.
    var name: String
    /// Beside those that all architectures have.
    var keys: [(key: String, value: GGUFSample.Value)] = []

    static let llama = TinyGGUF(model: TinyModel(extraKeys: ["attention_bias": "true"]), name: "llama")

    static let all: [TinyGGUF] = [
        llama,
        TinyGGUF(
            model: TinyModel(architecture: "Qwen2ForCausalLM", isTied: false, type: .bf16),
            name: "qwen2"
        ),
        TinyGGUF(model: TinyModel(architecture: "Qwen3ForCausalLM", type: .f32), name: "qwen3"),
        TinyGGUF(
            model: TinyModel(
                architecture: "Gemma2ForCausalLM",
                type: .f32,
                extraKeys: [
                    "hidden_activation": "\"gelu_pytorch_tanh\"", "sliding_window": "64", "query_pre_attn_scalar": "16",
                    "attn_logit_softcapping": "40.0", "final_logit_softcapping": "20.0",
                ]
            ),
            name: "gemma2",
            keys: [
                ("attention.sliding_window", .uint32(64)), ("attn_logit_softcapping", .float32(40)),
                ("final_logit_softcapping", .float32(20)),
            ]
        ),
        TinyGGUF(
            model: TinyModel(architecture: "Phi3ForCausalLM", extraKeys: ["sliding_window": "null"]),
            name: "phi3"
        ),
        TinyGGUF(
            model: TinyModel(
                architecture: "MixtralForCausalLM",
                blocks: 2,
                extraKeys: ["num_local_experts": "4", "num_experts_per_tok": "2", "sliding_window": "null"]
            ),
            name: "llama",
            keys: [("expert_count", .uint32(4)), ("expert_used_count", .uint32(2))]
        ),
        TinyGGUF(
            model: TinyModel(
                architecture: "Qwen2MoeForCausalLM",
                blocks: 2,
                extraKeys: [
                    "num_experts": "4", "num_experts_per_tok": "2", "moe_intermediate_size": "32",
                    "shared_expert_intermediate_size": "48",
                ]
            ),
            name: "qwen2moe",
            keys: [
                ("expert_count", .uint32(4)), ("expert_used_count", .uint32(2)),
                ("expert_feed_forward_length", .uint32(32)), ("expert_shared_feed_forward_length", .uint32(48)),
            ]
        ),
    ]

    var metadata: [(key: String, value: GGUFSample.Value)] {
        let model = self.model
        let sizes: [(String, Int)] = [
            ("block_count", model.blocks), ("context_length", model.context), ("embedding_length", model.hidden),
            ("feed_forward_length", model.feedForward), ("attention.head_count", model.heads),
            ("attention.head_count_kv", model.keyValueHeads), ("attention.key_length", model.headDimension),
            ("attention.value_length", model.headDimension), ("rope.dimension_count", model.headDimension),
            ("vocab_size", model.vocabulary),
        ]
        let own: [(key: String, value: GGUFSample.Value)] =
            sizes.map { ($0.0, .uint32(UInt32($0.1))) }
            + [("attention.layer_norm_rms_epsilon", .float32(1e-5)), ("rope.freq_base", .float32(10_000))] + self.keys
        return [("general.architecture", .text(self.name))] + own.map { ("\(self.name).\($0.key)", $0.value) } + [
            ("tokenizer.ggml.tokens", .texts((0..<model.vocabulary).map { "t\($0)" })),
            ("tokenizer.ggml.bos_token_id", .uint32(1)), ("tokenizer.ggml.eos_token_id", .uint32(2)),
            ("tokenizer.ggml.eot_token_id", .uint32(3)),
        ]
    }

    func sample() throws -> GGUFSample {
        var stacks: [String: GGUFSample.Tensor] = [:]
        var tensors: [GGUFSample.Tensor] = []
        for tensor in try self.model.tensors() {
            let name = self.ggufName(tensor.name)
            let shape = name.contains("gate_inp_shexp") ? [tensor.shape[1]] : tensor.shape
            let type: GGMLType = tensor.type == .f16 ? .f16 : tensor.type == .bf16 ? .bf16 : .f32
            let bytes = self.convert(tensor, name)
            guard name.contains("_exps.") else {
                tensors.append(GGUFSample.Tensor(name, type, shape.reversed(), bytes))
                continue
            }
            let dimensions = Array(shape.reversed()) + [4]
            stacks[name, default: GGUFSample.Tensor(name, type, dimensions, [])].bytes += bytes
        }
        return GGUFSample(self.metadata, tensors: tensors + stacks.sorted { $0.key < $1.key }.map(\.value))
    }

    /// The rows of llama's queries and keys go to other places, and one is added to Gemma's norms.
    private func convert(_ tensor: SafetensorsFile.Tensor, _ name: String) -> [UInt8] {
        if self.name == "gemma2", name.contains("norm") {
            let floats = tensor.bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
            return floats.map { $0 + 1 }.withUnsafeBytes { Array($0) }
        }
        guard self.name == "llama", name.contains("attn_q.") || name.contains("attn_k.") else { return tensor.bytes }
        let (rows, half) = (tensor.shape[0], self.model.headDimension / 2)
        let rowBytes = tensor.bytes.count / rows
        return (0..<rows).flatMap { row in
            let head = row / (2 * half) * 2 * half
            let from = head + row % 2 * half + row % (2 * half) / 2
            return tensor.bytes[from * rowBytes..<(from + 1) * rowBytes]
        }
    }

    private func ggufName(_ name: String) -> String {
        let words = name.split(separator: ".").map(String.init)
        guard words.count > 3 else {
            return ["model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"][name]
                ?? "output.weight"
        }
        let end = words[words.count - 1]
        var part = words[words.count - 2]
        if words.contains("experts") {
            part = ["w1": "gate", "w3": "up", "w2": "down"][part] ?? String(part.dropLast(5))
            return "blk.\(words[2]).ffn_\(part)_exps.\(end)"
        }
        if words.contains("shared_expert") { return "blk.\(words[2]).ffn_\(part.dropLast(5))_shexp.\(end)" }
        let parts = [
            "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "qkv_proj": "attn_qkv",
            "q_norm": "attn_q_norm", "k_norm": "attn_k_norm", "gate_proj": "ffn_gate", "up_proj": "ffn_up",
            "down_proj": "ffn_down", "gate_up_proj": "ffn_up", "gate": "ffn_gate_inp",
            "shared_expert_gate": "ffn_gate_inp_shexp", "input_layernorm": "attn_norm",
            "post_attention_layernorm": "ffn_norm", "pre_feedforward_layernorm": "ffn_norm",
            "post_feedforward_layernorm": "post_ffw_norm",
        ]
        // Gemma norms what attention gives by the name that others have before the feed-forward.
        if self.name == "gemma2", part == "post_attention_layernorm" { part = "post_attention_norm" }
        return "blk.\(words[2]).\(parts[part] ?? part).\(end)"
    }

    /// The model in memory, which is never freed.
    func directory(_ change: (inout GGUFSample) throws -> Void = { _ in }) throws -> ModelDirectory {
        var sample = try self.sample()
        try change(&sample)
        let file = sample.bytes
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: file.count, alignment: 64)
        bytes.copyBytes(from: file)
        return try ModelDirectory(gguf: UnsafeRawBufferPointer(bytes), name: "tiny")
    }
}
