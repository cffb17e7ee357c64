/// Why a template could not be read or rendered, where, and what to do next.
package struct JinjaError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The source is not a template.
        case syntax
        /// The template called `raise_exception`: the message is its own.
        case raised
        /// Something that is not there was used.
        case undefined
        /// A value has another type than the operation needs.
        case type
        /// A value has the right type, but cannot be used.
        case value
        /// A division by zero, or a number out of range.
        case arithmetic
        /// Something that the sandbox forbids, such as changing a list in place.
        case forbidden
        /// A filter, a test or a statement that this package does not know.
        case unsupported
        /// One of `Limits` is exceeded.
        case tooLarge
    }

    package let code: Code
    /// As Python and jinja2 word it where they know the error.
    package let message: String
    /// The line of the template, from 1; nil while nobody has said so.
    package internal(set) var line: Int?

    init(_ code: Code, _ message: String, line: Int? = nil) {
        self.code = code
        self.message = message
        self.line = line
    }

    package var description: String {
        line.map { "\(message) (line \($0) of the template)" } ?? message
    }
}

extension JinjaError {
    static func type(_ message: String) -> Self { Self(.type, message) }
    static func value(_ message: String) -> Self { Self(.value, message) }
    static func arithmetic(_ message: String) -> Self { Self(.arithmetic, message) }
    static func unsupported(_ message: String) -> Self { Self(.unsupported, message) }

    static func tooLarge(_ what: String) -> Self {
        Self(.tooLarge, "\(what): use a shorter conversation, or another template")
    }

    static let integerOverflow = tooLarge("an integer leaves the range of 64 bits")
}
