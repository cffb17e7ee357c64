extension ModelConfiguration.BlockKind {
    /// What `config.json` says of each block: `layer_types` where the family follows it, else the family's rule.
    static func reading(
        _ reader: inout ConfigurationReader,
        _ configuration: ModelConfiguration
    ) throws(ModelError) -> [Self] {
        let rotated = try Self.rotatedBlocks(&reader, configuration)
        let sparse = try Self.sparseBlocks(&reader, configuration)
        let width = try Self.windowWidth(&reader, configuration)
        let windowed = try Self.windowedBlocks(&reader, configuration, rotated: rotated, hasWidth: width != nil)
        return (0..<configuration.blockCount).map { block in
            let isLocal = windowed.contains(block) && configuration.localRotary != nil
            return Self(
                window: windowed.contains(block) ? width : nil,
                rotation: rotated.contains(block) ? isLocal ? .local : .whole : .none,
                hasExperts: sparse.contains(block)
            )
        }
    }

    /// Nil where a window changes nothing: it is absent, switched off, or as wide as the context.
    private static func windowWidth(
        _ reader: inout ConfigurationReader,
        _ configuration: ModelConfiguration
    ) throws(ModelError) -> Int? {
        let window = configuration.family.window
        guard window.blocks != .none else { return nil }
        let given = try reader.index("sliding_window", atMost: .max)
        if let other = try reader.index("sliding_window_size", atMost: .max), other != given {
            throw reader.invalid("sliding_window_size", "what \"sliding_window\" is")
        }
        let isOn = window.needsFlag ? try reader.flag("use_sliding_window") == true : true
        let width = given ?? (reader.writes("sliding_window") ? nil : window.width)
        guard isOn, let width, width > 0, width < configuration.contextLength else { return nil }
        return width
    }

    private static func windowedBlocks(
        _ reader: inout ConfigurationReader,
        _ configuration: ModelConfiguration,
        rotated: Set<Int>,
        hasWidth: Bool
    ) throws(ModelError) -> Set<Int> {
        let family = configuration.family
        let byRule = try Self.blocksOfRule(&reader, configuration, rotated: rotated)
        guard let types = try reader.texts("layer_types") else { return byRule }
        if let type = types.first(where: { $0 != "full_attention" && $0 != "sliding_attention" }) {
            throw ModelError(
                .unsupportedSetting,
                "config.json asks for layers of the type \"\(type)\"; this version computes \"full_attention\" and "
                    + "\"sliding_attention\"."
            )
        }
        let named = Set(types.indices.filter { types[$0] == "sliding_attention" })
        guard family.window.followsLayerTypes || named == byRule || named.isEmpty && !hasWidth else {
            throw ModelError(
                .unsupportedSetting,
                "config.json's \"layer_types\" asks for \"sliding_attention\" in other layers than "
                    + "\(family.architecture) has it."
            )
        }
        guard types.count == configuration.blockCount else {
            throw reader.invalid("layer_types", "a list of \(configuration.blockCount) types, one for each layer")
        }
        return named
    }

    private static func blocksOfRule(
        _ reader: inout ConfigurationReader,
        _ configuration: ModelConfiguration,
        rotated: Set<Int>
    ) throws(ModelError) -> Set<Int> {
        let blocks = 0..<configuration.blockCount
        // Written also by families that do not use it.
        let bound = try reader.index("max_window_layers", atMost: .max) ?? Self.maximumWindowLayers
        switch configuration.family.window.blocks {
        case .none: return []
        case .all: return Set(blocks)
        case .late: return Set(blocks.filter { $0 >= bound })
        case .evenEarly: return Set(blocks.filter { $0 < bound && $0.isMultiple(of: 2) })
        case .unrotated: return Set(blocks).subtracting(rotated)
        case .allButEvery(let usual, let key):
            guard let key else { return Set(blocks.filter { !($0 + 1).isMultiple(of: usual) }) }
            let underscored = try reader.count("_\(key)", atMost: .max)
            let period = try reader.count(key, atMost: .max) ?? underscored ?? usual
            return Set(blocks.filter { !($0 + 1).isMultiple(of: period) })
        }
    }

    /// What transformers takes where `max_window_layers` is absent.
    private static let maximumWindowLayers = 28

    private static func rotatedBlocks(
        _ reader: inout ConfigurationReader,
        _ configuration: ModelConfiguration
    ) throws(ModelError) -> Set<Int> {
        let blocks = 0..<configuration.blockCount
        guard configuration.family.skipsRotation else { return Set(blocks) }
        let interval = try reader.count("no_rope_layer_interval", atMost: .max) ?? Self.rotationInterval
        guard let flags = try reader.integers("no_rope_layers") else {
            return Set(blocks.filter { !($0 + 1).isMultiple(of: interval) })
        }
        guard flags.count >= blocks.count, flags.allSatisfy({ $0 == 0 || $0 == 1 }) else {
            throw reader.invalid("no_rope_layers", "a list of \(blocks.count) numbers, 1 for a layer that RoPE turns")
        }
        return Set(blocks.filter { flags[$0] == 1 })
    }

    /// What transformers takes where `no_rope_layer_interval` is absent.
    private static let rotationInterval = 4

    private static func sparseBlocks(
        _ reader: inout ConfigurationReader,
        _ configuration: ModelConfiguration
    ) throws(ModelError) -> Set<Int> {
        let blocks = 0..<configuration.blockCount
        switch configuration.family.experts {
        case nil: return []
        case .mixtral: return Set(blocks)
        case .qwen:
            let step = try reader.count("decoder_sparse_step", atMost: .max) ?? 1
            let dense = Set(try reader.integers("mlp_only_layers") ?? [])
            return Set(blocks.filter { !dense.contains($0) && ($0 + 1).isMultiple(of: step) })
        }
    }
}
