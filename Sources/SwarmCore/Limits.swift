/// The bound of everything that others can make `SwarmCore` hold, each with its reason (DESIGN.md §7).
package enum Limits {
    /// Sessions that one block server keeps; each costs some hundred bytes beside its KV-cache.
    package static let sessions = 1024

    /// Sessions of one peer: a busy gateway, and a quarter of all at most.
    package static let sessionsPerPeer = 256

    /// Steps of one session that wait behind the running one: a pipelined prefill sends a few ahead.
    package static let waitingSteps = 16

    /// How long a session may do nothing (DESIGN.md §5).
    package static let sessionIdle = Duration.seconds(600)

    /// How long a session outlives the loss of its peer's last connection (DESIGN.md §5).
    package static let sessionAfterConnectionLoss = Duration.seconds(60)

    /// How long a session above its peer's fair share must have done nothing before others may take its room: longer
    /// than the pauses of a generation that goes well, so that nobody is robbed between two tokens.
    package static let reclaimableAfter = Duration.seconds(5)

    /// The shortest and the longest advice when to ask again.
    package static let retryAfter = Duration.milliseconds(100)...Duration.seconds(5)

    /// Candidates that a plan looks at: planning takes time that grows with their square.
    package static let candidates = 256
}
