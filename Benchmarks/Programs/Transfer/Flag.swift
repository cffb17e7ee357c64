import Synchronization

/// Says once that something is over.
final class Flag: Sendable {
    private let value = Atomic(false)

    var isRaised: Bool { self.value.load(ordering: .relaxed) }

    func raise() { self.value.store(true, ordering: .relaxed) }
}
