/// Why a text was not read as JSON, and where. Who asked for it names the file and what to do next.
package struct JSONError: Error, Equatable {
    package enum Code: Equatable, Sendable {
        /// It is not JSON, or holds what this package refuses: a key twice, a number beyond 64 bits.
        case invalid
        /// It exceeds one of `Limits`.
        case tooLarge
    }

    package var code: Code
    /// The byte at which it was noticed.
    package var offset: Int
    package var reason: String
}

extension JSONError: CustomStringConvertible {
    package var description: String { "\(self.reason) at byte \(self.offset)" }
}
