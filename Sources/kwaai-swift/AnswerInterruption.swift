import Synchronization

/// What Ctrl-C means while a conversation goes on: it stops the answer, and where there is none, or it stops already, the
/// program.
final class AnswerInterruption: Sendable {
    private enum State {
        case idle
        case answering
        case stopping
    }

    private let state = Mutex(State.idle)

    /// Asks the answer to stop; false where there is nothing left to stop.
    func stopAnswer() -> Bool {
        self.state.withLock { state in
            guard state == .answering else { return false }
            state = .stopping
            return true
        }
    }

    var isStopped: Bool { self.state.withLock { $0 == .stopping } }

    func answerBegins() { self.state.withLock { $0 = .answering } }

    func answerEnds() { self.state.withLock { $0 = .idle } }
}
