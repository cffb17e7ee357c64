/// What sets one family of models apart from the others: a row of a table, not a copy of the block.
package struct Family: Sendable {
    /// As in `architectures`.
    package var architecture: String
    /// As in `model_type`.
    package var modelType: String
    /// The keys of `config.json` that this family gives a meaning to, beside those that all families share.
    package var keys: Set<String>
    /// Which products add a bias, given the keys that end in `_bias`.
    package var biases: @Sendable (_ flags: [String: Bool]) -> ModelConfiguration.Biases

    package static let all: [Family] = [
        Family(
            architecture: "LlamaForCausalLM",
            modelType: "llama",
            keys: ["attention_bias", "mlp_bias"],
            biases: { flags in
                ModelConfiguration.Biases(
                    queryKeyValue: flags["attention_bias"] == true,
                    attentionOutput: flags["attention_bias"] == true,
                    feedForward: flags["mlp_bias"] == true
                )
            }
        ),
        Family(
            architecture: "Qwen2ForCausalLM",
            modelType: "qwen2",
            keys: ["use_sliding_window", "sliding_window", "max_window_layers"],
            biases: { _ in
                ModelConfiguration.Biases(queryKeyValue: true, attentionOutput: false, feedForward: false)
            }
        ),
    ]

    /// The row for an architecture's name, or nil.
    package static func named(_ architecture: String) -> Family? {
        self.all.first { $0.architecture == architecture }
    }
}
