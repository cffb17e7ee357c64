extension RotaryEmbedding {
    /// Reads `rope_parameters`, or the older `rope_theta` and `rope_scaling`.
    init(reading reader: inout ConfigurationReader, contextLength: Int) throws(ModelError) {
        let topBase = try reader.number("rope_theta", above: 1)
        let scaling = reader.value("rope_scaling")
        let parameters = reader.value("rope_parameters")
        guard scaling == nil || parameters == nil else {
            throw ModelError(
                .invalidConfiguration,
                "config.json has both \"rope_scaling\" and \"rope_parameters\"; keep the one that is meant."
            )
        }
        guard let json = parameters ?? scaling else {
            self.init(base: topBase ?? Self.defaultBase, scaling: .none)
            return
        }
        let name = parameters == nil ? "rope_scaling" : "rope_parameters"
        var section = try ConfigurationReader(json, name: "config.json's \(name)")
        let base = try section.number("rope_theta", above: 1) ?? topBase ?? Self.defaultBase
        self.init(base: base, scaling: try Scaling(reading: &section, contextLength: contextLength))
        try section.finish()
    }

    /// What the families read here take where `rope_theta` is absent.
    private static let defaultBase = 10_000.0
}

extension RotaryEmbedding.Scaling {
    fileprivate init(reading section: inout ConfigurationReader, contextLength: Int) throws(ModelError) {
        let old = try section.text("type")
        let type = try section.text("rope_type") ?? old ?? "default"
        if let fraction = try section.number("partial_rotary_factor"), fraction != 1 {
            throw section.invalid("partial_rotary_factor", "1; rotation of a part of each head is not supported")
        }
        switch type {
        case "default":
            self = .none
        case "linear":
            self = .linear(factor: try section.required(section.number("factor"), "factor"))
        case "llama3":
            self = .llama3(try RotaryEmbedding.Llama3(reading: &section))
        case "yarn":
            self = .yarn(try RotaryEmbedding.YaRN(reading: &section, contextLength: contextLength))
        default:
            throw ModelError(
                .unsupportedSetting,
                "\(section.name) asks for RoPE scaling of the type \"\(type)\"; this version computes default, linear, "
                    + "llama3 and yarn."
            )
        }
    }
}

extension RotaryEmbedding.Llama3 {
    fileprivate init(reading section: inout ConfigurationReader) throws(ModelError) {
        self.factor = try section.required(section.number("factor"), "factor")
        self.lowFrequencyFactor = try section.required(section.number("low_freq_factor"), "low_freq_factor")
        self.highFrequencyFactor = try section.required(section.number("high_freq_factor"), "high_freq_factor")
        self.originalContextLength = try section.required(
            section.number("original_max_position_embeddings"),
            "original_max_position_embeddings"
        )
        guard self.lowFrequencyFactor < self.highFrequencyFactor else {
            throw section.invalid("low_freq_factor", "below \"high_freq_factor\"")
        }
    }
}

extension RotaryEmbedding.YaRN {
    fileprivate init(reading section: inout ConfigurationReader, contextLength: Int) throws(ModelError) {
        self.originalContextLength =
            try section.number("original_max_position_embeddings") ?? Double(contextLength)
        self.factor = try section.number("factor") ?? Double(contextLength) / self.originalContextLength
        self.fastRotations = try section.number("beta_fast") ?? 32
        self.slowRotations = try section.number("beta_slow") ?? 1
        self.roundsRamp = try section.flag("truncate") ?? true
        let scale = try section.number("mscale")
        let scaleOfAllDimensions = try section.number("mscale_all_dim")
        let given = try section.number("attention_factor")
        if let given {
            self.attentionFactor = given
        } else if let scale, let scaleOfAllDimensions {
            self.attentionFactor =
                Self.attentionFactor(self.factor, scale) / Self.attentionFactor(self.factor, scaleOfAllDimensions)
        } else {
            self.attentionFactor = Self.attentionFactor(self.factor, 1)
        }
    }

    /// How much sharper attention must be over a context stretched by `factor` (YaRN, equation 22).
    private static func attentionFactor(_ factor: Double, _ scale: Double) -> Double {
        factor <= 1 ? 1 : 0.1 * scale * Numerics.log(factor) + 1
    }
}
