/// Why bytes from a peer, or text from a person, could not be taken.
///
/// It says nothing of how far the failure reaches: whoever reads the bytes knows whether a message, a stream or a
/// connection is lost with them.
public struct WireError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of failure this is; programs branch on it.
    public enum Code: Equatable, Sendable {
        /// The bytes or the text break the format.
        case malformed
        /// A length or a count is beyond its named bound in `Limits`.
        case tooLarge
        /// Well formed, but of a kind that is not spoken here.
        case unsupported
        /// A signature, a tag or a hash does not verify.
        case badSignature
        /// The remote broke the order of a protocol.
        case protocolViolation
    }

    public var code: Code
    /// What went wrong and, where somebody can mend it, what to do next.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { self.message }
}
