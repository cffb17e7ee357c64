extension Family {
    package static let all: [Family] = [llama, mistral, qwen2, qwen3, smolLM3, phi3, gemma, gemma2, gemma3] + mixtures
    private static let mixtures = [mixtral, qwen2MoE, qwen3MoE]

    /// The row for an architecture's name, or nil.
    package static func named(_ architecture: String) -> Family? {
        self.all.first { $0.architecture == architecture }
    }

    /// Llama 2 to 3.2, SmolLM2, TinyLlama.
    private static let llama = Family(
        architecture: "LlamaForCausalLM",
        modelType: "llama",
        queryKeyValueBias: .key("attention_bias", ifAbsent: false),
        attentionOutputBias: .key("attention_bias", ifAbsent: false),
        feedForwardBias: .key("mlp_bias", ifAbsent: false)
    )

    private static let mistral = Family(
        architecture: "MistralForCausalLM",
        modelType: "mistral",
        window: Window(blocks: .all, width: 4096)
    )

    /// Qwen2 and 2.5.
    private static let qwen2 = Family(
        architecture: "Qwen2ForCausalLM",
        modelType: "qwen2",
        queryKeyValueBias: .always,
        window: Window(blocks: .late, needsFlag: true, width: 4096, followsLayerTypes: true)
    )

    private static let qwen3 = Family(
        architecture: "Qwen3ForCausalLM",
        modelType: "qwen3",
        queryKeyValueBias: .key("attention_bias", ifAbsent: false),
        attentionOutputBias: .key("attention_bias", ifAbsent: false),
        headDimension: 128,
        normsQueriesAndKeys: true,
        window: Window(blocks: .late, needsFlag: true, width: 4096, followsLayerTypes: true)
    )

    private static let smolLM3 = Family(
        architecture: "SmolLM3ForCausalLM",
        modelType: "smollm3",
        queryKeyValueBias: .key("attention_bias", ifAbsent: false),
        attentionOutputBias: .key("attention_bias", ifAbsent: false),
        feedForwardBias: .key("mlp_bias", ifAbsent: false),
        tiesEmbeddings: true,
        rotaryBase: 2_000_000,
        window: Window(blocks: .unrotated, needsFlag: true, followsLayerTypes: true),
        skipsRotation: true
    )

    /// Phi-3, 3.5 and 4-mini.
    private static let phi3 = Family(
        architecture: "Phi3ForCausalLM",
        modelType: "phi3",
        rotatesParts: true,
        fusesProjections: true,
        window: Window(blocks: .all)
    )

    private static let gemma = Family(
        architecture: "GemmaForCausalLM",
        modelType: "gemma",
        queryKeyValueBias: .key("attention_bias", ifAbsent: false),
        attentionOutputBias: .key("attention_bias", ifAbsent: false),
        tiesEmbeddings: true,
        headDimension: 256,
        normOffset: 1,
        activation: .gelu,
        scalesEmbedding: true,
        streamExponent: 6
    )

    private static let gemma2 = Family(
        architecture: "Gemma2ForCausalLM",
        modelType: "gemma2",
        queryKeyValueBias: .key("attention_bias", ifAbsent: false),
        attentionOutputBias: .key("attention_bias", ifAbsent: false),
        tiesEmbeddings: true,
        headDimension: 256,
        normsResults: true,
        normOffset: 1,
        activation: .gelu,
        activationKey: "hidden_activation",
        scalesEmbedding: true,
        queryScalar: 256,
        softCaps: SoftCaps(scores: 50, logits: 30),
        streamExponent: 6,
        window: Window(blocks: .allButEvery(2, key: nil), width: 4096, followsLayerTypes: true)
    )

    /// The text models of Gemma 3.
    private static let gemma3 = Family(
        architecture: "Gemma3ForCausalLM",
        modelType: "gemma3_text",
        queryKeyValueBias: .key("attention_bias", ifAbsent: false),
        attentionOutputBias: .key("attention_bias", ifAbsent: false),
        tiesEmbeddings: true,
        headDimension: 256,
        rotaryBase: 1_000_000,
        localRotaryBase: 10_000,
        normsQueriesAndKeys: true,
        normsResults: true,
        normOffset: 1,
        activation: .gelu,
        activationKey: "hidden_activation",
        scalesEmbedding: true,
        queryScalar: 256,
        softCaps: SoftCaps(),
        streamExponent: 6,
        window: Window(blocks: .allButEvery(6, key: "sliding_window_pattern"), width: 4096, followsLayerTypes: true)
    )

    private static let mixtral = Family(
        architecture: "MixtralForCausalLM",
        modelType: "mixtral",
        rotaryBase: 1_000_000,
        window: Window(blocks: .all),
        experts: .mixtral
    )

    private static let qwen2MoE = Family(
        architecture: "Qwen2MoeForCausalLM",
        modelType: "qwen2_moe",
        queryKeyValueBias: .key("qkv_bias", ifAbsent: true),
        window: Window(blocks: .evenEarly, needsFlag: true, width: 4096, followsLayerTypes: true),
        experts: .qwen(hasShared: true)
    )

    private static let qwen3MoE = Family(
        architecture: "Qwen3MoeForCausalLM",
        modelType: "qwen3_moe",
        queryKeyValueBias: .key("attention_bias", ifAbsent: false),
        attentionOutputBias: .key("attention_bias", ifAbsent: false),
        normsQueriesAndKeys: true,
        window: Window(blocks: .all, needsFlag: true, width: 4096),
        experts: .qwen(hasShared: false)
    )
}
