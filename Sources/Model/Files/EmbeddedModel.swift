/// A model that is part of the program: the same files as in a folder, as bytes that live as long as the process.
public struct EmbeddedModel: @unchecked Sendable {
    // Sendable: the weights are read-only and live for ever.

    public var name: String
    /// `config.json`.
    public var configuration: [UInt8]
    /// `tokenizer.json`.
    public var tokenizer: [UInt8]
    /// `model.safetensors`.
    public var weights: UnsafeRawBufferPointer

    public init(name: String, configuration: [UInt8], tokenizer: [UInt8], weights: UnsafeRawBufferPointer) {
        self.name = name
        self.configuration = configuration
        self.tokenizer = tokenizer
        self.weights = weights
    }
}
