/// What went wrong with a model, and what to do about it.
public struct ModelError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Equatable, Sendable {
        /// A file or folder is absent or cannot be read.
        case unreadableFile
        /// A file holds something else than its format allows; it may be hostile.
        case invalidFile
        /// A file is shorter than its header promises.
        case truncatedFile
        /// `config.json` lacks a key, or a key has a value that makes no sense.
        case invalidConfiguration
        /// The architecture is not one of those that this version computes.
        case unsupportedArchitecture
        /// `config.json` asks for mathematics that this version does not know.
        case unsupportedSetting
        /// Tensors of the range are not in the folder.
        case missingTensors
        /// The range does not lie in the model, or is not the one that was loaded.
        case wrongRange
        /// A token id beyond the vocabulary.
        case badToken
        /// Hidden states of the wrong size, or that hold NaN or infinity.
        case badTensor
        /// The step begins elsewhere than the cache ends.
        case positionGap
        /// The sequence would outgrow the model's context, or the cache's bound.
        case contextExceeded
        /// A block computed NaN or infinity; `block` says which.
        case nonFiniteOutput
        /// The cache takes part in another pass just now.
        case cacheInUse
        /// The machine has no memory left for a cache.
        case outOfMemory
    }

    public var code: Code
    public var message: String
    /// The block that failed, where one did.
    public var block: Int?

    public init(_ code: Code, _ message: String, block: Int? = nil) {
        self.code = code
        self.message = message
        self.block = block
    }

    public var description: String { self.message }
}
