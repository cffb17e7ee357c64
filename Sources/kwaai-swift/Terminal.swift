import Foundation
import Synchronization

/// Data goes to stdout; everything that is said to a person goes to stderr.
enum Terminal {
    static let isInteractive = isatty(STDERR_FILENO) == 1
    /// Whether a person sees the output itself, not a file or another program.
    static let showsOutput = isatty(STDOUT_FILENO) == 1

    /// How many characters fit on a line of the output; nil where it has no width.
    static var width: Int? {
        var size = winsize()
        guard self.showsOutput, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Whether a progress bar stands on the line that the next words would continue.
    private static let hasOpenLine = Mutex(false)

    /// - Throws: ``OutputError`` when nobody reads any more, or the disk is full.
    static func print(_ text: String, terminator: String = "\n") throws(OutputError) {
        try self.write(text + terminator, to: STDOUT_FILENO)
    }

    /// Prints `value` as one line of JSON.
    static func print(json value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try self.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    static func say(_ text: String) {
        self.hasOpenLine.withLock { isOpen in
            // Without stderr there is nobody left to tell.
            try? self.write((isOpen ? "\n" : "") + text + "\n", to: STDERR_FILENO)
            isOpen = false
        }
    }

    /// What a person is to write behind.
    static func write(prompt: String) {
        try? self.write(prompt, to: STDERR_FILENO)
    }

    static func complain(_ message: String, prefixed: Bool = true) {
        self.say(prefixed ? "Error: \(message)" : message)
    }

    /// Replaces the line that was drawn before.
    static func draw(_ line: String, isLast: Bool) {
        self.hasOpenLine.withLock { isOpen in
            try? self.write("\r" + line + (isLast ? "\n" : ""), to: STDERR_FILENO)
            isOpen = !isLast
        }
    }

    private static func write(_ text: String, to descriptor: Int32) throws(OutputError) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // A terminal that another program made non-blocking.
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, -1)
            } else if errno != EINTR {
                throw OutputError(number: errno)
            }
        }
    }
}

/// Standard output takes nothing more.
struct OutputError: Error, CustomStringConvertible {
    let number: Int32

    /// The reader has seen enough, as `head -1` has: nothing to complain about.
    var isClosedPipe: Bool { self.number == EPIPE }

    var description: String {
        "cannot write the output (\(String(cString: strerror(self.number)))): make room, or write it elsewhere"
    }
}
