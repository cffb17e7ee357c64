/// What sets one family of models apart from the others: a row of a table, not a copy of the block.
package struct Family: Equatable, Sendable {
    /// As in `architectures`.
    package var architecture: String
    /// As in `model_type`.
    package var modelType: String

    /// Which products add a bias.
    package var queryKeyValueBias = Rule.never
    package var attentionOutputBias = Rule.never
    package var feedForwardBias = Rule.never
    /// What absent keys mean.
    package var tiesEmbeddings = false
    package var headDimension: Int?
    package var rotaryBase = 10_000.0
    /// The base of the blocks with a window, for families where it differs.
    package var localRotaryBase: Double?
    /// Whether `partial_rotary_factor` may leave a part of each head unturned.
    package var rotatesParts = false

    /// Whether queries and keys are normed, head by head, before RoPE.
    package var normsQueriesAndKeys = false
    /// Whether what attention and feed-forward give is normed before it is added to the stream.
    package var normsResults = false
    /// What is added to the weights of norms.
    package var normOffset: Float = 0
    package var activation = Activation.silu
    /// The key that names the activation.
    package var activationKey = "hidden_act"
    /// Whether embeddings are multiplied by √hidden.
    package var scalesEmbedding = false
    /// Whether scores are divided by √`query_pre_attn_scalar` instead of √dimension; what its absence means.
    package var queryScalar: Double?
    /// Whether scores and logits may be capped; what absent keys mean.
    package var softCaps: SoftCaps?
    /// The stream is kept in units of 2 to the power of minus this, so that it fits f16 (DESIGN.md §6.1).
    package var streamExponent = 0

    /// Whether `qkv_proj` and `gate_up_proj` hold the products that others store one by one.
    package var fusesProjections = false
    package var window = Window()
    /// Whether `no_rope_layers` turns RoPE off in some blocks.
    package var skipsRotation = false
    package var experts: ExpertNames?

    /// When something holds that a key of `config.json` may decide.
    package enum Rule: Equatable, Sendable {
        case never
        case always
        /// As the key says.
        case key(String, ifAbsent: Bool)
    }

    package enum Activation: Equatable, Sendable {
        case silu
        /// The GELU in its form with tanh.
        case gelu

        /// What `config.json` calls it.
        var names: Set<String> {
            switch self {
            case .silu: ["silu"]
            // The first Gemma files say "gelu" and mean the form with tanh, as transformers reads them.
            case .gelu: ["gelu_pytorch_tanh", "gelu"]
            }
        }
    }

    package struct SoftCaps: Equatable, Sendable {
        var scores: Double?
        var logits: Double?
    }

    /// Which blocks see only the last positions.
    package struct Window: Equatable, Sendable {
        package var blocks = Blocks.none
        /// Whether `use_sliding_window` must be true.
        package var needsFlag = false
        /// The width where `sliding_window` is absent; null in a file means none.
        package var width: Int?
        /// Whether `layer_types` decides, where the file has it.
        package var followsLayerTypes = false

        package enum Blocks: Equatable, Sendable {
            case none
            case all
            /// Those from `max_window_layers` on.
            case late
            /// Those below `max_window_layers` with an even index.
            case evenEarly
            /// All but every n-th; a key that says n, where there is one.
            case allButEvery(Int, key: String?)
            /// Those that RoPE does not turn.
            case unrotated
        }
    }

    /// Where a mixture of experts keeps its tensors.
    package enum ExpertNames: Equatable, Sendable {
        /// `block_sparse_moe.experts.N.w1` and so on; every block has one.
        case mixtral
        /// `mlp.experts.N.gate_proj` and so on; some blocks may be dense.
        case qwen(hasShared: Bool)
    }
}
