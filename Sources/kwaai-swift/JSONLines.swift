import Foundation
import StrictJSON

/// JSON documents on standard input, one a line, read as they come.
struct JSONLines {
    /// The number of the line that ``next()`` gave last, counted from 1.
    private(set) var number = 0
    /// What has been read and not been given out yet, from `start` on; no line end lies before `searched`.
    private var buffer: [UInt8] = []
    private var start = 0
    private var searched = 0
    private var isAtEnd = false

    /// Bytes of one line: the longest text that a tokenizer takes, 16 MiB, with every byte written as `\u00xx`.
    private static let lineBytes = 100 << 20
    private static let readBytes = 1 << 16

    /// The document of the next line; nil after the last.
    ///
    /// - Throws: ``LineError`` when the line is too long or no JSON, ``InputError`` when standard input cannot be read.
    mutating func next() throws -> JSON? {
        guard let line = try self.nextLine() else { return nil }
        do {
            return try self.buffer.withUnsafeBytes { bytes in
                try JSON(parsing: UnsafeRawBufferPointer(rebasing: bytes[line]))
            }
        } catch {
            throw self.error("is not JSON: \(error)")
        }
    }

    /// A complaint about the line that was given out last.
    func error(_ reason: String) -> LineError { LineError(line: self.number, reason: reason) }

    private mutating func nextLine() throws -> Range<Int>? {
        while true {
            if let end = self.buffer[self.searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { (self.start, self.searched) = (end + 1, end + 1) }
                self.number += 1
                return self.start..<end
            }
            self.searched = self.buffer.count
            if self.isAtEnd {
                guard self.start < self.buffer.count else { return nil }
                defer { self.start = self.buffer.count }
                self.number += 1
                return self.start..<self.buffer.count
            }
            guard self.buffer.count - self.start <= Self.lineBytes else {
                throw LineError(line: self.number + 1, reason: "has more than \(Self.lineBytes) bytes: cut its text")
            }
            try self.read()
        }
    }

    /// Appends what standard input has, after forgetting the lines that were given out.
    private mutating func read() throws(InputError) {
        self.buffer.removeFirst(self.start)
        (self.searched, self.start) = (self.searched - self.start, 0)
        var failure: Int32 = 0
        let old = self.buffer.count
        self.buffer.append(contentsOf: repeatElement(0, count: Self.readBytes))
        let count = self.buffer.withUnsafeMutableBytes { bytes in
            while true {
                let count = Foundation.read(STDIN_FILENO, bytes.baseAddress?.advanced(by: old), Self.readBytes)
                failure = count < 0 ? errno : 0
                if failure != EINTR { return max(count, 0) }
            }
        }
        self.buffer.removeLast(Self.readBytes - count)
        guard failure == 0 else { throw InputError(number: failure) }
        self.isAtEnd = count == 0
    }
}

/// A line of standard input that cannot be used.
struct LineError: Error, CustomStringConvertible {
    let line: Int
    let reason: String

    var description: String { "line \(self.line) of the input \(self.reason)" }
}

/// Standard input gives nothing.
struct InputError: Error, CustomStringConvertible {
    let number: Int32

    var description: String {
        "cannot read the input (\(String(cString: strerror(self.number)))): give a file or a pipe"
    }
}
