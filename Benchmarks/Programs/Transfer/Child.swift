import Foundation

/// A process of the run, which ends with it. Read by one task at a time.
final class Child: @unchecked Sendable {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    init(_ program: String, _ arguments: [String], quiet: Bool = false) throws {
        self.process.executableURL = URL(fileURLWithPath: program)
        self.process.arguments = arguments
        self.process.standardInput = self.input
        self.process.standardOutput = quiet ? FileHandle.nullDevice : self.output
        if quiet { self.process.standardError = FileHandle.nullDevice }
        try self.process.run()
    }

    var isRunning: Bool { self.process.isRunning }

    /// The next line that it prints.
    func readLine() throws -> String {
        var line = Data()
        while let byte = try self.output.fileHandleForReading.read(upToCount: 1), byte != Data("\n".utf8) {
            line.append(byte)
        }
        return String(decoding: line, as: UTF8.self)
    }

    /// Returns when the parent of this process is gone, or wants it to end.
    static func waitForEndOfInput() async {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                _ = try? FileHandle.standardInput.readToEnd()
                continuation.resume()
            }
        }
    }

    func stop() {
        self.process.terminate()
        self.process.waitUntilExit()
    }
}
