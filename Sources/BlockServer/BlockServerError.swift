/// Why a block server cannot serve.
public struct BlockServerError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: Equatable, Sendable {
        /// The range does not lie in the model.
        case wrongRange
        /// The memory for KV-caches does not hold the smallest session.
        case tooLittleMemory
        /// The model's files cannot be used.
        case unusableModel
        /// The loaded blocks computed something wrong.
        case selfTestFailed
        /// `run` was called a second time.
        case alreadyRunning
    }

    public var code: Code
    /// What went wrong and what to do next.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { self.message }
}
