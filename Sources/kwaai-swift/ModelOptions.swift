import ArgumentParser
import DemoModel
import Model
import Tokenizer

/// Which model a command is about.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A Hugging Face folder (config.json, *.safetensors, tokenizer.json) or a GGUF file; without it the demo model of "
                + "this program.",
            valueName: "path"
        )
    )
    var model: String?

    func directory(_ settings: Settings) throws -> ModelDirectory {
        let name = self.model ?? settings.string(.model) ?? DemoModel.name
        return name == DemoModel.name ? try DemoModel.directory() : try ModelDirectory(path: name)
    }

    /// The same for the commands of other machines.
    func flags(_ settings: Settings) -> [String] {
        (self.model ?? settings.string(.model)).map { ["--model", $0] } ?? []
    }

    func tokenizer(_ settings: Settings) throws -> Tokenizer {
        let name = self.model ?? settings.string(.model) ?? DemoModel.name
        return name == DemoModel.name ? try DemoModel.tokenizer() : try Tokenizer(directory: name)
    }

    /// - Throws: ``TokenizerError`` with code `noTemplate` where the model has none, as the demo model.
    func chatTemplate(_ settings: Settings) throws -> ChatTemplate {
        try ChatTemplate(directory: self.model ?? settings.string(.model) ?? DemoModel.name)
    }
}
