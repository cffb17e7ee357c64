internal import StrictJSON

extension ModelConfiguration {
    /// Reads the bytes of a `config.json` of either generation: `rope_theta` and `rope_scaling` at the top, or all of
    /// it in `rope_parameters`.
    package init(parsing bytes: [UInt8]) throws(ModelError) {
        let json: JSON
        do {
            json = try JSON(parsing: bytes)
        } catch {
            throw ModelError(.invalidConfiguration, "config.json is not JSON: \(error). Download it again.")
        }
        try self.init(json)
    }

    /// Reads what is, or would be, the content of a `config.json`; messages call it `name`.
    init(_ json: JSON, name: String = "config.json") throws(ModelError) {
        var reader = try ConfigurationReader(json, name: name)
        let family = try Self.family(&reader)
        try Self.checkActivation(&reader, family)

        self.family = family
        self.hiddenSize = try reader.required(reader.count("hidden_size", atMost: Limits.width), "hidden_size")
        self.feedForwardSize = try reader.required(
            reader.count("intermediate_size", atMost: Limits.width),
            "intermediate_size"
        )
        self.blockCount = try reader.required(
            reader.count("num_hidden_layers", atMost: Limits.blockCount),
            "num_hidden_layers"
        )
        self.vocabularySize = try reader.required(
            reader.count("vocab_size", atMost: Limits.vocabularySize),
            "vocab_size"
        )
        self.contextLength = try reader.required(
            reader.count("max_position_embeddings", atMost: Limits.contextLength),
            "max_position_embeddings"
        )
        self.headCount = try reader.required(
            reader.count("num_attention_heads", atMost: Limits.headCount),
            "num_attention_heads"
        )
        self.keyValueHeadCount =
            try reader.count("num_key_value_heads", atMost: Limits.headCount) ?? self.headCount
        self.headDimension =
            try reader.count("head_dim", atMost: Limits.headDimension) ?? family.headDimension
            ?? self.hiddenSize / self.headCount
        self.normEpsilon = Float(try reader.required(reader.number("rms_norm_eps"), "rms_norm_eps"))
        self.tiesEmbeddings = try reader.flag("tie_word_embeddings") ?? family.tiesEmbeddings
        self.biases = try Biases(reading: &reader, family)
        self.experts = try Experts(reading: &reader, family)
        self.blockKinds = []
        (self.attentionScale, self.scoreCap, self.logitCap) = (0, nil, nil)
        self.endOfSequenceTokens = Set(try reader.tokens("eos_token_id"))
        self.beginOfSequenceToken = try reader.tokens("bos_token_id").first
        let context = self.contextLength
        (self.rotary, self.localRotary) = try RotaryEmbedding.reading(&reader, family, contextLength: context)

        try self.readAttention(&reader)
        self.blockKinds = try BlockKind.reading(&reader, self)
        try reader.finish(ignoring: Self.harmlessKeys, neutral: Self.neutralKeys)
        try self.validate(name: reader.name)
    }

    private static func family(_ reader: inout ConfigurationReader) throws(ModelError) -> Family {
        let names = try reader.texts("architectures") ?? []
        let supported = Family.all.map(\.architecture).joined(separator: ", ")
        guard let name = names.first else {
            throw ModelError(
                .unsupportedArchitecture,
                "config.json names no architecture in \"architectures\". This version computes \(supported)."
            )
        }
        guard names.count == 1, let family = Family.named(name) else {
            throw ModelError(
                .unsupportedArchitecture,
                "The architecture \(names.joined(separator: ", ")) is not supported; this version computes "
                    + "\(supported)."
            )
        }
        if let type = try reader.text("model_type"), type != family.modelType {
            throw reader.invalid("model_type", "\"\(family.modelType)\", as \(family.architecture) has it")
        }
        guard reader.value("quantization_config") == nil else {
            throw ModelError(
                .unsupportedSetting,
                "config.json says that the weights are quantised; use the f16, bf16 or f32 files of the model, or a "
                    + "GGUF file."
            )
        }
        return family
    }

    private static func checkActivation(_ reader: inout ConfigurationReader, _ family: Family) throws(ModelError) {
        // Files of Gemma hold both keys, and transformers looks at one of them.
        if family.activationKey != "hidden_act" { _ = reader.value("hidden_act") }
        if family.activation == .gelu { _ = reader.value("hidden_activation") }
        let names = family.activation.names
        guard let name = try reader.text(family.activationKey), !names.contains(name) else { return }
        throw ModelError(
            .unsupportedSetting,
            "config.json asks for the activation \"\(name)\"; for \(family.architecture) this version computes "
                + "\(names.sorted().joined(separator: " and "))."
        )
    }

    private mutating func readAttention(_ reader: inout ConfigurationReader) throws(ModelError) {
        self.attentionScale = 1 / Float(self.headDimension).squareRoot()
        if let absent = self.family.queryScalar {
            let scalar = try reader.number("query_pre_attn_scalar") ?? absent
            self.attentionScale = Float(1 / scalar.squareRoot())
        }
        guard let caps = self.family.softCaps else { return }
        func cap(_ key: String, _ absent: Double?) throws(ModelError) -> Float? {
            let given = try reader.number(key)
            return (given ?? (reader.writes(key) ? nil : absent)).map { Float($0) }
        }
        self.scoreCap = try cap("attn_logit_softcapping", caps.scores)
        self.logitCap = try cap("final_logit_softcapping", caps.logits)
    }

    /// Keys that say how a model was trained, stored or shown, and nothing of what it computes.
    private static let harmlessKeys: Set<String> = [
        "_attn_implementation", "_name_or_path", "attention_dropout", "auto_map", "cache_implementation",
        "chunk_size_feed_forward", "classifier_dropout", "dtype", "embd_pdrop", "finetuning_task", "hidden_dropout",
        "id2label", "initializer_range", "is_decoder", "is_encoder_decoder", "is_llama_config", "label2id", "language",
        "license", "output_attentions", "output_hidden_states", "output_router_logits", "output_scores", "pad_token_id",
        "pretraining_tp", "problem_type", "resid_pdrop",
        "return_dict", "return_dict_in_generate", "router_aux_loss_coef", "router_jitter_noise", "sep_token_id",
        "task_specific_params", "tokenizer_class", "torch_dtype", "torchscript", "transformers.js_config",
        "transformers_version", "unsloth_fixed", "unsloth_version", "use_bfloat16", "use_cache",
    ]

    /// Keys that say with these values that what they would change is as always.
    private static let neutralKeys: [String: JSON] = [
        "attention_bias": .bool(false), "full_attn_mod": .integer(1), "interpolate_factor": .integer(1),
        "lm_head_bias": .bool(false), "mlp_bias": .bool(false), "rope_interleaved": .bool(false),
        "use_bidirectional_attention": .bool(false), "use_sliding_window": .bool(false),
    ]
}

extension ModelConfiguration.Biases {
    fileprivate init(reading reader: inout ConfigurationReader, _ family: Family) throws(ModelError) {
        func holds(_ rule: Family.Rule) throws(ModelError) -> Bool {
            switch rule {
            case .never: false
            case .always: true
            case .key(let key, let absent): try reader.flag(key) ?? absent
            }
        }
        self.queryKeyValue = try holds(family.queryKeyValueBias)
        self.attentionOutput = try holds(family.attentionOutputBias)
        self.feedForward = try holds(family.feedForwardBias)
    }
}

extension ModelConfiguration.Experts {
    /// Nil for a family without experts.
    fileprivate init?(reading reader: inout ConfigurationReader, _ family: Family) throws(ModelError) {
        guard let names = family.experts else { return nil }
        // Newer files say num_local_experts where older ones of the same family say num_experts.
        let local = try reader.count("num_local_experts", atMost: Limits.experts)
        let count = try reader.count("num_experts", atMost: Limits.experts) ?? local
        self.count = try reader.required(count, names == .mixtral ? "num_local_experts" : "num_experts")
        let chosen = try reader.count("num_experts_per_tok", atMost: self.count)
        self.chosen = try reader.required(chosen, "num_experts_per_tok")
        self.sharedFeedForwardSize = nil
        switch names {
        case .mixtral:
            let size = try reader.count("intermediate_size", atMost: Limits.width)
            self.feedForwardSize = try reader.required(size, "intermediate_size")
            self.normalizesWeights = true
        case .qwen(let hasShared):
            let size = try reader.count("moe_intermediate_size", atMost: Limits.width)
            self.feedForwardSize = try reader.required(size, "moe_intermediate_size")
            self.normalizesWeights = try reader.flag("norm_topk_prob") ?? false
            guard hasShared else { return }
            let sharedSize = try reader.count("shared_expert_intermediate_size", atMost: Limits.width)
            self.sharedFeedForwardSize = try reader.required(sharedSize, "shared_expert_intermediate_size")
        }
    }
}
