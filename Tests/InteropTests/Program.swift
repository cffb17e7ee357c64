import Foundation
import Synchronization

/// A program of a foreign implementation, and the lines that it prints.
///
/// Its pipe is read on a thread of the system's, never on one of Swift's own.
final class Program: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let process: Mutex<Process>
    private let output: FileHandle
    private let name: String

    init(_ command: [String]) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        let pipe = Pipe()
        process.standardOutput = pipe
        // What went wrong stands in a FAIL line; py-libp2p writes a page for every refused protocol.
        process.standardError = FileHandle.nullDevice
        self.output = pipe.fileHandleForReading
        self.name = command.joined(separator: " ")
        self.process = Mutex(process)
    }

    func start() throws {
        // A child inherits the signals that this thread, one of a pool, keeps for itself; `stop` must reach it.
        var (stopping, before) = (sigset_t(), sigset_t())
        sigemptyset(&stopping)
        sigaddset(&stopping, SIGTERM)
        pthread_sigmask(SIG_UNBLOCK, &stopping, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try self.process.withLock { try $0.run() }
    }

    func stop() {
        self.process.withLock { if $0.isRunning { $0.terminate() } }
    }

    /// The address that a listener prints, once it is ready.
    func address() async throws -> String {
        let lines = await self.lines(within: .seconds(60)) { $0 == "READY" }
        guard lines.last == "READY", let line = lines.first(where: { $0.hasPrefix("LISTEN ") }) else {
            throw Failure(description: "\(self.name) did not become ready: \(lines)")
        }
        return String(line.dropFirst("LISTEN ".count))
    }

    /// Everything that the program prints until its end; it is stopped when it takes too long.
    func finish(within limit: DispatchTimeInterval) async -> [String] {
        await self.lines(within: limit) { _ in false }
    }

    func remainingLines() -> [String] {
        self.readLines { _ in false }
    }

    func waitUntilExit() -> Int32 {
        self.process.withLock { process in
            process.waitUntilExit()
            return process.terminationStatus
        }
    }

    private func lines(
        within limit: DispatchTimeInterval,
        until isLast: @escaping @Sendable (String) -> Bool
    ) async -> [String] {
        let timer = DispatchWorkItem { self.stop() }
        DispatchQueue.global().asyncAfter(deadline: .now() + limit, execute: timer)
        defer { timer.cancel() }
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: self.readLines(until: isLast)) }
        }
    }

    private func readLines(until isLast: (String) -> Bool) -> [String] {
        var lines: [String] = []
        var partial: [UInt8] = []
        while true {
            let piece = self.output.availableData
            for byte in piece {
                guard byte == UInt8(ascii: "\n") else {
                    partial.append(byte)
                    continue
                }
                lines.append(String(decoding: partial, as: UTF8.self))
                partial = []
                if let line = lines.last, isLast(line) { return lines }
            }
            if piece.isEmpty { return lines }
        }
    }
}
