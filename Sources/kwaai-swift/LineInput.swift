import Dispatch
import Foundation

/// The lines of stdin, one at a time, without holding a thread of the program while nobody types.
final class LineInput: Sendable {
    let isInteractive = isatty(STDIN_FILENO) == 1
    private let prompt: String
    /// Counts the lines that are asked for.
    private let demand = DispatchSemaphore(value: 0)
    private let lines: AsyncStream<String>

    /// - Parameter prompt: what a person sees before each line.
    init(prompt: String) {
        self.prompt = prompt
        let (lines, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingOldest(1))
        self.lines = lines
        let demand = self.demand
        // A thread of its own: reading blocks, and cannot be cancelled.
        let thread = Thread {
            while true {
                demand.wait()
                guard let line = readLine() else { break }
                continuation.yield(line)
            }
            continuation.finish()
        }
        thread.start()
    }

    /// The next line; nil at the end of the input, and when the task is cancelled.
    func next() async -> String? {
        if self.isInteractive { Terminal.write(prompt: self.prompt) }
        self.demand.signal()
        for await line in self.lines { return line }
        return nil
    }
}
