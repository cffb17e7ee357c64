import Foundation

/// Data goes to stdout; everything that is said to a person goes to stderr.
enum Terminal {
    static let isInteractive = isatty(STDERR_FILENO) == 1

    static func print(_ text: String, terminator: String = "\n") {
        FileHandle.standardOutput.write(Data((text + terminator).utf8))
    }

    static func say(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    static func complain(_ message: String, prefixed: Bool = true) {
        self.say(prefixed ? "Error: \(message)" : message)
    }

    /// Prints `value` as one line of JSON.
    static func print(json value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        self.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
