internal import StrictJSON

extension RotaryEmbedding {
    /// Reads `rope_parameters`, or the older `rope_theta` and `rope_scaling`; the second result is for blocks whose
    /// rotation is local, in families that have such.
    static func reading(
        _ reader: inout ConfigurationReader,
        _ family: Family,
        contextLength: Int
    ) throws(ModelError) -> (RotaryEmbedding, local: RotaryEmbedding?) {
        let outer = Outer(
            base: try reader.number("rope_theta", above: 1) ?? family.rotaryBase,
            fraction: try reader.number("partial_rotary_factor"),
            originalContextLength: try reader.number("original_max_position_embeddings"),
            contextLength: contextLength,
            family: family
        )
        let scaling = reader.value("rope_scaling")
        let parameters = reader.value("rope_parameters")
        guard scaling == nil || parameters == nil else {
            throw ModelError(
                .invalidConfiguration,
                "config.json has both \"rope_scaling\" and \"rope_parameters\"; keep the one that is meant."
            )
        }
        guard let usualBase = family.localRotaryBase else {
            let name = parameters == nil ? "rope_scaling" : "rope_parameters"
            return (try Self(parameters ?? scaling, name: "config.json's \(name)", outer), nil)
        }
        var local = outer
        local.base = try reader.number("rope_local_base_freq", above: 1) ?? usualBase
        guard let parameters else {
            return (
                try Self(scaling, name: "config.json's rope_scaling", outer),
                try Self(nil, name: "config.json's rope_local_base_freq", local)
            )
        }
        var sections = try ConfigurationReader(parameters, name: "config.json's rope_parameters")
        let whole = sections.value("full_attention"), windowed = sections.value("sliding_attention")
        try sections.finish()
        return (
            try Self(whole, name: "config.json's rope_parameters for full_attention", outer),
            try Self(windowed, name: "config.json's rope_parameters for sliding_attention", local)
        )
    }

    /// What stands around a description of RoPE, and holds where the description says nothing.
    fileprivate struct Outer {
        var base: Double
        var fraction: Double?
        var originalContextLength: Double?
        var contextLength: Int
        var family: Family
    }

    private init(_ json: JSON?, name: String, _ outer: Outer) throws(ModelError) {
        var section = try ConfigurationReader(json ?? .object([]), name: name)
        let base = try section.number("rope_theta", above: 1) ?? outer.base
        let fraction = try section.number("partial_rotary_factor") ?? outer.fraction ?? 1
        guard fraction == 1 || outer.family.rotatesParts else {
            throw ModelError(
                .unsupportedSetting,
                "\(name) asks for the rotation of a part of each head (\"partial_rotary_factor\" \(fraction)), which "
                    + "this version does not compute for \(outer.family.architecture)."
            )
        }
        self.init(base: base, scaling: try Scaling(reading: &section, outer), fraction: fraction)
        try section.finish()
    }
}

extension RotaryEmbedding.Scaling {
    fileprivate init(
        reading section: inout ConfigurationReader,
        _ outer: RotaryEmbedding.Outer
    ) throws(ModelError) {
        let old = try section.text("type")
        let type = try section.text("rope_type") ?? old ?? "default"
        switch type {
        case "default":
            self = .none
        case "linear":
            self = .linear(factor: try section.required(section.number("factor"), "factor"))
        case "llama3":
            self = .llama3(try RotaryEmbedding.Llama3(reading: &section, outer))
        case "yarn":
            self = .yarn(try RotaryEmbedding.YaRN(reading: &section, outer))
        case "longrope", "su":
            self = .longrope(try RotaryEmbedding.LongRoPE(reading: &section, outer))
        case "dynamic":
            throw ModelError(
                .unsupportedSetting,
                "\(section.name) asks for dynamic NTK scaling (\"dynamic\"): a token's rotation would change as the "
                    + "text grows, and keys that are cached would be wrong. Use yarn, or leave the scaling out."
            )
        default:
            throw ModelError(
                .unsupportedSetting,
                "\(section.name) asks for RoPE scaling of the type \"\(type)\"; this version computes default, linear, "
                    + "llama3, yarn and longrope."
            )
        }
    }
}

extension RotaryEmbedding.Outer {
    /// transformers gives the key beside the description precedence over the one in it.
    fileprivate func originalContextLength(_ section: inout ConfigurationReader) throws(ModelError) -> Double? {
        let inner = try section.number("original_max_position_embeddings")
        return self.originalContextLength ?? inner
    }
}

extension RotaryEmbedding.LongRoPE {
    fileprivate init(
        reading section: inout ConfigurationReader,
        _ outer: RotaryEmbedding.Outer
    ) throws(ModelError) {
        self.shortFactors = try section.required(section.numbers("short_factor"), "short_factor")
        self.longFactors = try section.required(section.numbers("long_factor"), "long_factor")
        let context = Double(outer.contextLength)
        self.originalContextLength = try outer.originalContextLength(&section) ?? context
        let factor = try section.number("factor") ?? context / self.originalContextLength
        let usual =
            factor <= 1 ? 1 : (1 + Numerics.log(factor) / Numerics.log(self.originalContextLength)).squareRoot()
        self.attentionFactor = try section.number("attention_factor") ?? usual
    }
}

extension RotaryEmbedding.Llama3 {
    fileprivate init(
        reading section: inout ConfigurationReader,
        _ outer: RotaryEmbedding.Outer
    ) throws(ModelError) {
        self.factor = try section.required(section.number("factor"), "factor")
        self.lowFrequencyFactor = try section.required(section.number("low_freq_factor"), "low_freq_factor")
        self.highFrequencyFactor = try section.required(section.number("high_freq_factor"), "high_freq_factor")
        self.originalContextLength = try section.required(
            outer.originalContextLength(&section),
            "original_max_position_embeddings"
        )
        guard self.lowFrequencyFactor < self.highFrequencyFactor else {
            throw section.invalid("low_freq_factor", "below \"high_freq_factor\"")
        }
    }
}

extension RotaryEmbedding.YaRN {
    fileprivate init(
        reading section: inout ConfigurationReader,
        _ outer: RotaryEmbedding.Outer
    ) throws(ModelError) {
        let context = Double(outer.contextLength)
        self.originalContextLength = try outer.originalContextLength(&section) ?? context
        self.factor = try section.number("factor") ?? context / self.originalContextLength
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
