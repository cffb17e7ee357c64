internal import GGUF
internal import StrictJSON

/// How a GGUF file says that RoPE is scaled: by keys, and by tables of factors that stand among its tensors.
struct GGUFRotary {
    /// What Llama 3.1's scaling divides each pair's frequency by.
    static let factors = "rope_freqs.weight"
    /// Phi-3's factors for long contexts and for short ones.
    static let longFactors = "rope_factors_long.weight"
    static let shortFactors = "rope_factors_short.weight"

    let base: Double
    let headDimension: Int
    let contextLength: Int

    /// The members of `config.json` that say the same; `table` reads a tensor of factors.
    func members(
        _ metadata: inout GGUFMetadata,
        table: (String) throws(ModelError) -> [Float]?
    ) throws(ModelError) -> [JSON.Member] {
        _ = metadata.value("rope.scaling.finetuned")
        let type = try metadata.text("rope.scaling.type") ?? "none"
        let factor = try metadata.number("rope.scaling.factor")
        let original = try metadata.count("rope.scaling.original_context_length")
        let attentionFactor = try metadata.number("rope.scaling.attn_factor")
        if let long = try table(Self.longFactors), let short = try table(Self.shortFactors) {
            let original = try metadata.required(original, "rope.scaling.original_context_length")
            let usual = self.attentionFactor(original: original)
            let isUsual = attentionFactor.map { abs($0 - usual) < Self.tolerance } ?? true
            return Self.longrope(short, long, original: original, isUsual ? nil : attentionFactor)
        }
        if let factors = try table(Self.factors) { return self.llama3(factors) }
        switch type {
        case "none": return []
        case "linear", "yarn":
            guard let factor else { return [] }
            var scaling: [JSON.Member] = [.init("rope_type", .string(type)), .init("factor", .real(factor))]
            if type == "yarn" {
                scaling += original.map { [.init("original_max_position_embeddings", .integer($0))] } ?? []
                for (key, name) in [("yarn_beta_fast", "beta_fast"), ("yarn_beta_slow", "beta_slow")] {
                    guard let value = try metadata.number("rope.scaling.\(key)") else { continue }
                    scaling.append(.init(name, .real(value)))
                }
            }
            return [.init("rope_scaling", .object(scaling))]
        case _:
            throw ModelError(
                .unsupportedSetting,
                "\(metadata.file) asks for RoPE scaling of the type \"\(type)\" without its table of factors; this version "
                    + "computes none, linear, yarn, Llama 3's and longrope."
            )
        }
    }

    private static func longrope(
        _ short: [Float],
        _ long: [Float],
        original: Int,
        _ attentionFactor: Double?
    ) -> [JSON.Member] {
        func list(_ factors: [Float]) -> JSON { .array(factors.map { .real(shortest($0)) }) }
        var scaling: [JSON.Member] = [
            .init("rope_type", .string("longrope")), .init("short_factor", list(short)),
            .init("long_factor", list(long)),
        ]
        if let attentionFactor { scaling.append(.init("attention_factor", .real(attentionFactor))) }
        return [
            .init("rope_scaling", .object(scaling)), .init("original_max_position_embeddings", .integer(original)),
        ]
    }

    /// What `config.json` need not say: √(1 + ln(stretch) / ln(original)).
    private func attentionFactor(original: Int) -> Double {
        let stretch = Double(self.contextLength) / Double(max(original, 2))
        return stretch <= 1 ? 1 : (1 + Numerics.log(stretch) / Numerics.log(Double(max(original, 2)))).squareRoot()
    }

    /// The parameters that make these factors, since the same parameters make the same mathematics as `config.json`'s,
    /// to the bit. Factors that no usual parameters make are kept as they are.
    private func llama3(_ factors: [Float]) -> [JSON.Member] {
        for original in (4...20).map({ 1 << $0 }) {
            for factor in [Double(factors.max() ?? 1), 2, 4, 8, 16, 32, 64] {
                let scaling = RotaryEmbedding.Llama3(
                    factor: factor,
                    lowFrequencyFactor: 1,
                    highFrequencyFactor: 4,
                    originalContextLength: Double(original)
                )
                guard self.makes(factors, scaling) else { continue }
                let members: [JSON.Member] = [
                    .init("rope_type", .string("llama3")), .init("factor", .real(factor)),
                    .init("low_freq_factor", .real(1)), .init("high_freq_factor", .real(4)),
                    .init("original_max_position_embeddings", .integer(original)),
                ]
                return [.init("rope_scaling", .object(members))]
            }
        }
        return Self.longrope(factors, factors, original: self.contextLength, 1)
    }

    /// Whether a scaling divides the frequencies by these factors.
    private func makes(_ factors: [Float], _ scaling: RotaryEmbedding.Llama3) -> Bool {
        func frequencies(_ scaling: RotaryEmbedding.Scaling) -> [Double] {
            RotaryEmbedding(base: self.base, scaling: scaling)
                .frequencies(dimension: self.headDimension, contextLength: self.contextLength)
        }
        let made = zip(frequencies(.none), frequencies(.llama3(scaling))).map { $0 / $1 }
        return made.count == factors.count
            && zip(made, factors).allSatisfy { abs(Double($1) / $0 - 1) < Self.tolerance }
    }

    /// Factors are written as f32, computed in f32.
    private static let tolerance = 1e-4
}
