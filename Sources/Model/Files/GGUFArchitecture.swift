/// What sets one of GGUF's architectures apart from the others, where it differs from Hugging Face's files of the same
/// models. The mathematics is a `Family`'s.
struct GGUFArchitecture: Sendable {
    /// As in `general.architecture`, and the prefix of its keys.
    var name: String
    /// As in `architectures` of `config.json`.
    var architecture: String
    /// Whether rows of queries and keys that RoPE turns together are neighbours.
    var interleavesRows = false
    /// Whether norms hold 1 + weight.
    var addsOneToNorms = false
    /// Hugging Face's names of the parts of a block that the common table has not or has otherwise.
    var parts: [String: String] = [:]
    /// The keys of its own, and what `config.json` calls their values.
    var keys: [String: Key] = [:]
    /// What its files imply, as members of `config.json`.
    var flags: [String: Bool] = [:]
    /// Whether biases depend on the model, and `config.json` says so by this key.
    var biasKey: String?
    /// Of the one model whose `query_pre_attn_scalar` is hidden / heads: its blocks. It is the head dimension elsewhere,
    /// and no key says so.
    var blocksOfLargest: Int?

    enum Key: Sendable {
        case count(String)
        case number(String)
    }

    static let all = [llama, mixtral, qwen2, qwen3, smolLM3, phi3, gemma, gemma2, gemma3, qwen2MoE, qwen3MoE]

    /// The row for what a file calls itself; a llama with experts is a Mixtral, one with a window a Mistral.
    static func named(_ name: String, hasExperts: Bool, hasWindow: Bool) -> GGUFArchitecture? {
        let rows = self.all.filter { $0.name == name }
        guard rows.count > 1 else { return rows.first }
        if hasExperts { return self.mixtral }
        return hasWindow ? self.mistral : self.llama
    }

    private static let llama = GGUFArchitecture(
        name: "llama",
        architecture: "LlamaForCausalLM",
        interleavesRows: true,
        biasKey: "attention_bias"
    )

    private static let mistral = GGUFArchitecture(
        name: "llama",
        architecture: "MistralForCausalLM",
        interleavesRows: true,
        keys: ["attention.sliding_window": .count("sliding_window")]
    )

    private static let mixtral = GGUFArchitecture(
        name: "llama",
        architecture: "MixtralForCausalLM",
        interleavesRows: true,
        parts: [
            "ffn_gate_inp": "block_sparse_moe.gate", "ffn_gate_exps": "block_sparse_moe.experts.*.w1",
            "ffn_up_exps": "block_sparse_moe.experts.*.w3", "ffn_down_exps": "block_sparse_moe.experts.*.w2",
        ],
        keys: ["expert_count": .count("num_local_experts"), "expert_used_count": .count("num_experts_per_tok")]
    )

    private static let qwen2 = GGUFArchitecture(name: "qwen2", architecture: "Qwen2ForCausalLM")

    private static let qwen3 = GGUFArchitecture(
        name: "qwen3",
        architecture: "Qwen3ForCausalLM",
        biasKey: "attention_bias"
    )

    private static let smolLM3 = GGUFArchitecture(
        name: "smollm3",
        architecture: "SmolLM3ForCausalLM",
        interleavesRows: true,
        biasKey: "attention_bias"
    )

    private static let phi3 = GGUFArchitecture(
        name: "phi3",
        architecture: "Phi3ForCausalLM",
        parts: ["attn_qkv": "self_attn.qkv_proj", "ffn_up": "mlp.gate_up_proj"],
        keys: ["attention.sliding_window": .count("sliding_window")]
    )

    private static let gemma = GGUFArchitecture(
        name: "gemma",
        architecture: "GemmaForCausalLM",
        addsOneToNorms: true
    )

    private static let gemma2 = GGUFArchitecture(
        name: "gemma2",
        architecture: "Gemma2ForCausalLM",
        addsOneToNorms: true,
        parts: resultNorms,
        keys: caps,
        blocksOfLargest: 46
    )

    private static let gemma3 = GGUFArchitecture(
        name: "gemma3",
        architecture: "Gemma3ForCausalLM",
        addsOneToNorms: true,
        parts: resultNorms,
        keys: caps.merging([
            "rope.freq_base_swa": .number("rope_local_base_freq"),
            "attention.sliding_window_pattern": .count("sliding_window_pattern"),
        ]) { first, _ in first },
        blocksOfLargest: 62
    )

    private static let qwen2MoE = GGUFArchitecture(
        name: "qwen2moe",
        architecture: "Qwen2MoeForCausalLM",
        parts: experts.merging([
            "ffn_gate_shexp": "mlp.shared_expert.gate_proj", "ffn_up_shexp": "mlp.shared_expert.up_proj",
            "ffn_down_shexp": "mlp.shared_expert.down_proj", "ffn_gate_inp_shexp": "mlp.shared_expert_gate",
        ]) { first, _ in first },
        keys: expertKeys.merging([
            "expert_shared_feed_forward_length": .count("shared_expert_intermediate_size")
        ]) { first, _ in first },
        flags: ["norm_topk_prob": false],
        biasKey: "qkv_bias"
    )

    private static let qwen3MoE = GGUFArchitecture(
        name: "qwen3moe",
        architecture: "Qwen3MoeForCausalLM",
        parts: experts,
        keys: expertKeys,
        flags: ["norm_topk_prob": true],
        biasKey: "attention_bias"
    )

    private static let resultNorms = [
        "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
        "post_ffw_norm": "post_feedforward_layernorm",
    ]

    private static let caps: [String: Key] = [
        "attn_logit_softcapping": .number("attn_logit_softcapping"),
        "final_logit_softcapping": .number("final_logit_softcapping"),
        "attention.sliding_window": .count("sliding_window"),
    ]

    private static let experts = [
        "ffn_gate_inp": "mlp.gate", "ffn_gate_exps": "mlp.experts.*.gate_proj", "ffn_up_exps": "mlp.experts.*.up_proj",
        "ffn_down_exps": "mlp.experts.*.down_proj",
    ]

    private static let expertKeys: [String: Key] = [
        "expert_count": .count("num_experts"), "expert_used_count": .count("num_experts_per_tok"),
        "expert_feed_forward_length": .count("moe_intermediate_size"),
    ]
}
