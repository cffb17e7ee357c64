internal import GGUF
internal import StrictJSON

extension ModelConfiguration {
    /// What the metadata of a GGUF file says, put as the `config.json` of the same model has it, so that both give one
    /// mathematics and one set of checks.
    init(_ model: GGUFModel, _ architecture: GGUFArchitecture) throws(ModelError) {
        var metadata = try GGUFMetadata(model.metadata, file: model.firstFile)
        let json = try Self.json(model, architecture, &metadata)
        try self.init(json, name: model.firstFile)
        try metadata.finish()
    }

    private static func json(
        _ model: GGUFModel,
        _ architecture: GGUFArchitecture,
        _ metadata: inout GGUFMetadata
    ) throws(ModelError) -> JSON {
        var members: [JSON.Member] = [.init("architectures", .array([.string(architecture.architecture)]))]
        for (key, name) in Self.counts {
            let count = try metadata.required(metadata.count(key), key)
            members.append(.init(name, .integer(count)))
        }
        let epsilonKey = "attention.layer_norm_rms_epsilon"
        let epsilon = try metadata.required(metadata.number(epsilonKey), epsilonKey)
        members.append(.init("rms_norm_eps", .real(epsilon)))
        members += try Self.heads(architecture, &metadata, model)
        members += try Self.choices(architecture, model, &metadata)
        members += Self.tokens(metadata)
        return .object(members)
    }

    private static let counts = [
        ("embedding_length", "hidden_size"), ("feed_forward_length", "intermediate_size"),
        ("block_count", "num_hidden_layers"), ("context_length", "max_position_embeddings"),
        ("attention.head_count", "num_attention_heads"),
    ]

    /// The shape of the heads, and how RoPE turns them.
    private static func heads(
        _ architecture: GGUFArchitecture,
        _ metadata: inout GGUFMetadata,
        _ model: GGUFModel
    ) throws(ModelError) -> [JSON.Member] {
        let heads = max(try metadata.required(metadata.count("attention.head_count"), "attention.head_count"), 1)
        let hidden = try metadata.required(metadata.count("embedding_length"), "embedding_length")
        let keyHeads = try metadata.count("attention.head_count_kv") ?? heads
        let dimension = try metadata.count("attention.key_length") ?? hidden / heads
        guard try metadata.count("attention.value_length") ?? dimension == dimension else {
            throw metadata.invalid("attention.value_length", "\(dimension), as wide as keys")
        }
        let rotated = try metadata.count("rope.dimension_count") ?? dimension
        let base = try metadata.number("rope.freq_base") ?? 10_000
        let context = try metadata.required(metadata.count("context_length"), "context_length")
        let rotary = GGUFRotary(base: base, headDimension: rotated, contextLength: context)
        guard rotated > 0, rotated <= Limits.headDimension, base > 1, dimension > 0 else {
            throw metadata.invalid("rope.dimension_count", "from 1 to \(Limits.headDimension)")
        }
        var members: [JSON.Member] = [
            .init("num_key_value_heads", .integer(keyHeads)), .init("head_dim", .integer(dimension)),
            .init("rope_theta", .real(base)),
        ]
        if rotated != dimension {
            members.append(.init("partial_rotary_factor", .real(Double(rotated) / Double(dimension))))
        }
        if let largest = architecture.blocksOfLargest {
            let scalar = try metadata.count("block_count") == largest ? hidden / heads : dimension
            members.append(.init("query_pre_attn_scalar", .integer(scalar)))
        }
        return try members + rotary.members(&metadata, table: model.floats)
    }

    /// What the architecture's own keys, and the tensors that are there, decide.
    private static func choices(
        _ architecture: GGUFArchitecture,
        _ model: GGUFModel,
        _ metadata: inout GGUFMetadata
    ) throws(ModelError) -> [JSON.Member] {
        var members = architecture.flags.map { JSON.Member($0.key, .bool($0.value)) }
        for (key, meaning) in architecture.keys {
            switch meaning {
            case .count(let name): members += try metadata.count(key).map { [.init(name, .integer($0))] } ?? []
            case .number(let name): members += try metadata.number(key).map { [.init(name, .real($0))] } ?? []
            }
        }
        if architecture.keys["expert_count"] == nil, let count = try metadata.count("expert_count"), count > 0 {
            throw metadata.invalid("expert_count", "absent in this architecture")
        }
        if let key = architecture.biasKey {
            members.append(.init(key, .bool(model.tensor("blk.0.attn_q.bias") != nil)))
        }
        if model.tensor("blk.0.ffn_gate.bias") != nil { members.append(.init("mlp_bias", .bool(true))) }
        let isTied = model.tensor("output.weight") == nil
        guard !isTied || model.absent.isEmpty else {
            throw ModelError(
                .missingTensors,
                "Without \(listed(model.absent)) it cannot be known whether \(model.name) has a head of its own. "
                    + "Download what is missing."
            )
        }
        members.append(.init("tie_word_embeddings", .bool(isTied)))
        let stored = try metadata.count("vocab_size")
        let vocabulary = model.tensor("token_embd.weight")?.shape.first ?? stored ?? metadata.tokenCount
        members.append(.init("vocab_size", .integer(try metadata.required(vocabulary, "vocab_size"))))
        return members
    }

    /// Where a text begins, and the tokens that end one.
    private static func tokens(_ metadata: GGUFMetadata) -> [JSON.Member] {
        let ends = ["eos", "eot", "eom"].compactMap(metadata.token)
        let begin = metadata.token("bos").map { [JSON.Member("bos_token_id", .integer($0))] } ?? []
        return begin + [.init("eos_token_id", .array(ends.map(JSON.integer)))]
    }
}
