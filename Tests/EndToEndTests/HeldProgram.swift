import Foundation
import Subprocess
import Synchronization

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// A program that stands still where a test wants it to: at its next word, for which there is no room.
struct HeldProgram: Sendable {
    let identifier: ProcessIdentifier
    /// Full when the program begins.
    let output: HeldOutput
    let error: HeldOutput
}

extension Program {
    /// Runs a command that stands still at its first word on stdout; after `body` nothing holds it any more.
    static func hold(
        _ arguments: [String],
        home: Home,
        _ body: (HeldProgram) async throws -> Void
    ) async throws -> Outcome {
        let (output, error) = (try HeldOutput(), try HeldOutput())
        output.fill()
        let result = try await Subprocess.run(
            .path(self.path),
            arguments: Arguments(arguments),
            environment: home.environment,
            input: .none,
            output: .fileDescriptor(output.descriptor, closeAfterSpawningProcess: false),
            error: .fileDescriptor(error.descriptor, closeAfterSpawningProcess: false)
        ) { execution in
            let identifier = execution.processIdentifier
            do {
                try await body(HeldProgram(identifier: identifier, output: output, error: error))
            } catch {
                kill(identifier.value, SIGKILL)
                throw error
            }
            output.take()
            error.take()
        }
        return Outcome(exitCode: result.terminationStatus.exitCode, output: output.take(), error: error.take())
    }
}

/// A pipe that a program writes to, and that can be filled to the brim. It has room for all that a test generates.
final class HeldOutput: Sendable {
    private let reader: Int32
    private let writer: Int32
    private let said = Mutex<[UInt8]>([])

    /// What fills the pipe, and nothing else says.
    private static let filling: UInt8 = 0

    init() throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        (self.reader, self.writer) = (ends[0], ends[1])
        _ = fcntl(self.reader, F_SETFL, O_NONBLOCK)
    }

    deinit {
        close(self.reader)
        close(self.writer)
    }

    /// What the program writes to.
    var descriptor: FileDescriptor { FileDescriptor(rawValue: self.writer) }

    /// Whoever writes next waits until ``take()`` is called.
    func fill() {
        _ = fcntl(self.writer, F_SETFL, O_NONBLOCK)
        // A pipe that has no room for a page may have some for a byte.
        for size in [4096, 1] {
            let bytes = [UInt8](repeating: Self.filling, count: size)
            while write(self.writer, bytes, size) > 0 {}
        }
        _ = fcntl(self.writer, F_SETFL, 0)
    }

    /// Empties the pipe: whoever waited goes on.
    ///
    /// - Returns: all that the program has said so far.
    @discardableResult
    func take() -> String {
        self.said.withLock { said in
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while case let count = read(self.reader, &buffer, buffer.count), count > 0 {
                said += buffer[..<count].filter { $0 != Self.filling }
            }
            return String(decoding: said, as: UTF8.self)
        }
    }

    /// Empties the pipe until the program has said something, or nothing for half a minute.
    ///
    /// - Returns: all that it has said so far.
    func wait(for text: String) async -> String {
        while !self.take().contains(text), await self.isReadable() {}
        return self.take()
    }

    private func isReadable() async -> Bool {
        let reader = self.reader
        return await withCheckedContinuation { continuation in
            // Not on a thread that other tests need.
            Thread.detachNewThread {
                var ready = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
                continuation.resume(returning: poll(&ready, 1, 30_000) > 0)
            }
        }
    }
}
