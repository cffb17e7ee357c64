private import CDemoModel
public import Model
public import Tokenizer

/// The model inside the program: 24 small blocks that tell simple stories, so that a network can be tried without a
/// download. `Tools/demo-model` says what it is and how it was trained.
public enum DemoModel {
    /// What `--model` calls it, and what its node records say.
    public static let name = "kwaai-demo"

    public static func directory() throws(ModelError) -> ModelDirectory {
        try ModelDirectory(
            embedded: EmbeddedModel(
                name: Self.name,
                configuration: Array(Self.bytes(kwaai_demo_config())),
                tokenizer: Array(Self.bytes(kwaai_demo_tokenizer())),
                weights: Self.bytes(kwaai_demo_weights())
            )
        )
    }

    public static func tokenizer() throws(TokenizerError) -> Tokenizer {
        try Tokenizer(json: Array(Self.bytes(kwaai_demo_tokenizer())))
    }

    /// Part of the program, so there for as long as it runs.
    private static func bytes(_ file: kwaai_demo_file) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: file.start, count: file.count)
    }
}
