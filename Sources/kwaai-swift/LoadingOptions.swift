import ArgumentParser
import Model

/// How a model is loaded, which every peer of a chain must have in common.
struct LoadingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Turn weights that are stored as floats into q8_0 or q4_0 while loading: a half or about a quarter of the memory "
                + "of f16.",
            valueName: "format"
        )
    )
    var quantize: Quantization?

    @Option(
        help: ArgumentHelp(
            "The longest sequence to serve, at most the model's own. A few models compute short ones in another way.",
            valueName: "tokens"
        )
    )
    var context: TokenCount?

    func applied(to directory: ModelDirectory, _ settings: Settings) throws -> ModelDirectory {
        let quantized = directory.quantized(to: try self.quantize ?? settings.value(.quantize))
        guard let context = try self.context ?? settings.value(.context) else { return quantized }
        return try quantized.limited(toContext: context.tokens)
    }

    /// The same for the commands of other machines.
    func flags(_ settings: Settings) throws -> [String] {
        let quantize = try (self.quantize ?? settings.value(.quantize)).map { ["--quantize", $0.rawValue] } ?? []
        let context = try (self.context ?? settings.value(.context)).map { ["--context", "\($0.tokens)"] } ?? []
        return quantize + context
    }
}

/// A number of tokens, at least 1.
struct TokenCount: ExpressibleByArgument {
    let tokens: Int

    init?(argument: String) {
        guard let tokens = Int(argument), tokens > 0 else { return nil }
        self.tokens = tokens
    }
}
