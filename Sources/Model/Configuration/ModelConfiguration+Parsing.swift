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

    private init(_ json: JSON) throws(ModelError) {
        var reader = try ConfigurationReader(json, name: "config.json")
        let family = try Self.family(&reader)
        try Self.refuseOtherMathematics(&reader, family)

        self.architecture = family.architecture
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
            try reader.count("head_dim", atMost: Limits.headDimension) ?? self.hiddenSize / self.headCount
        self.normEpsilon = Float(try reader.required(reader.number("rms_norm_eps"), "rms_norm_eps"))
        self.tiesEmbeddings = try reader.flag("tie_word_embeddings") ?? false
        self.biases = try Self.biases(&reader, family)
        self.endOfSequenceTokens = Set(try reader.tokens("eos_token_id"))
        self.beginOfSequenceToken = try reader.tokens("bos_token_id").first
        self.rotary = try RotaryEmbedding(reading: &reader, contextLength: self.contextLength)
        try self.refuseWindow(&reader, family)
        try reader.finish(ignoring: Self.harmlessKeys)
        try self.checkShapes()
    }

    private static func family(_ reader: inout ConfigurationReader) throws(ModelError) -> Family {
        let names = reader.value("architectures")?.array?.compactMap(\.string) ?? []
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
        return family
    }

    /// Refuses the settings that this version knows and does not compute.
    private static func refuseOtherMathematics(
        _ reader: inout ConfigurationReader,
        _ family: Family
    ) throws(ModelError) {
        func unsupported(_ setting: String, _ supported: String) -> ModelError {
            ModelError(
                .unsupportedSetting,
                "config.json asks for \(setting), which this version does not compute for \(family.architecture); "
                    + supported
            )
        }
        if let activation = try reader.text("hidden_act"), activation != "silu" {
            throw unsupported("the activation \"\(activation)\"", "it computes \"silu\".")
        }
        if reader.value("quantization_config") != nil {
            throw unsupported("quantised weights", "use the f16, bf16 or f32 files of the model.")
        }
        if let fraction = try reader.number("partial_rotary_factor"), fraction != 1 {
            throw unsupported("rotation of a part of each head", "use a model with \"partial_rotary_factor\" 1.")
        }
        if try reader.flag("rope_interleaved") == true {
            throw unsupported("interleaved rotation", "use a model with \"rope_interleaved\" false.")
        }
        for type in reader.value("layer_types")?.array ?? [] where type.string != "full_attention" {
            throw unsupported("layers of the type \"\(type.string ?? "?")\"", "it computes \"full_attention\".")
        }
    }

    private static func biases(_ reader: inout ConfigurationReader, _ family: Family) throws(ModelError) -> Biases {
        var flags: [String: Bool] = [:]
        for key in family.keys where key.hasSuffix("_bias") { flags[key] = try reader.flag(key) ?? false }
        return family.biases(flags)
    }

    /// A sliding window as wide as the context changes nothing; a narrower one is refused.
    private func refuseWindow(_ reader: inout ConfigurationReader, _ family: Family) throws(ModelError) {
        guard family.keys.contains("use_sliding_window") else { return }
        let window = try reader.count("sliding_window", atMost: .max)
        _ = reader.value("max_window_layers")
        guard try reader.flag("use_sliding_window") == true, let window, window < self.contextLength else { return }
        throw ModelError(
            .unsupportedSetting,
            "config.json asks for a sliding window of \(window) tokens, which this version does not compute for "
                + "\(family.architecture); use a model with \"use_sliding_window\" false."
        )
    }

    private func checkShapes() throws(ModelError) {
        func require(_ condition: Bool, _ message: String) throws(ModelError) {
            guard condition else { throw ModelError(.invalidConfiguration, "config.json: \(message).") }
        }
        try require(self.headDimension > 0, "\"hidden_size\" is smaller than \"num_attention_heads\"")
        try require(self.headDimension <= Limits.headDimension, "heads wider than \(Limits.headDimension)")
        try require(self.headDimension.isMultiple(of: 2), "\"head_dim\" must be even, since RoPE turns pairs")
        try require(
            self.headCount.isMultiple(of: self.keyValueHeadCount),
            "\"num_attention_heads\" must be a multiple of \"num_key_value_heads\""
        )
        try require(self.queryWidth <= Limits.width, "all heads together are wider than \(Limits.width)")
    }

    /// Keys that say how a model was trained, stored or shown, and nothing of what it computes.
    private static let harmlessKeys: Set<String> = [
        "_attn_implementation", "_name_or_path", "attention_dropout", "auto_map", "chunk_size_feed_forward",
        "classifier_dropout", "dtype", "embd_pdrop", "finetuning_task", "hidden_dropout", "id2label",
        "initializer_range", "is_decoder", "is_encoder_decoder", "is_llama_config", "label2id", "language",
        "license", "output_attentions", "output_hidden_states", "output_scores", "pad_token_id", "pretraining_tp",
        "problem_type", "resid_pdrop", "return_dict", "return_dict_in_generate", "sep_token_id", "task_specific_params",
        "tokenizer_class", "torch_dtype", "torchscript", "transformers.js_config", "transformers_version",
        "unsloth_fixed", "unsloth_version", "use_bfloat16", "use_cache",
    ]
}
