import NIOCore
import P2PWire
import Synchronization

/// The ``ResourceLedger`` of a host under its lock, which is held for the length of a few additions; nothing else is
/// locked while it is.
final class ResourceBook: Sendable {
    private let ledger: Mutex<ResourceLedger>
    private let lastConnection = Atomic<UInt64>(0)

    init(limits: ResourceLimits) {
        self.ledger = Mutex(ResourceLedger(limits: limits))
    }

    /// Changes the ledger, and makes a refusal an error that says what to do.
    func update<Value: Sendable>(
        _ change: (inout ResourceLedger) throws(ResourceRefusal) -> Value
    ) throws(P2PError) -> Value {
        do throws(ResourceRefusal) {
            return try self.ledger.withLock { ledger throws(ResourceRefusal) in try change(&ledger) }
        } catch {
            throw P2PError(error)
        }
    }

    /// The same for a change that cannot fail.
    func update<Value: Sendable>(_ change: (inout ResourceLedger) -> Value) -> Value {
        self.ledger.withLock { change(&$0) }
    }

    /// A number for a connection, which no other of this host has had.
    func nextConnection() -> UInt64 {
        self.lastConnection.wrappingAdd(1, ordering: .relaxed).newValue
    }

    func usage(of scope: ResourceScope) -> ResourceUsage { self.update { $0.usage(of: scope) } }
}

/// A claim on the resources of a host, given back exactly once: when nobody holds this any more.
final class Reservation: Sendable {
    let book: ResourceBook
    private let claim: Mutex<ResourceLedger.Claim>

    init(
        _ book: ResourceBook,
        _ claim: (inout ResourceLedger) throws(ResourceRefusal) -> ResourceLedger.Claim
    ) throws(P2PError) {
        self.claim = Mutex(try book.update(claim))
        self.book = book
    }

    deinit {
        let claim = self.claim.withLock { $0 }
        self.book.update { $0.giveBack(claim) }
    }

    /// Changes the claim together with the ledger.
    func update(
        _ change: (inout ResourceLedger, inout ResourceLedger.Claim) throws(ResourceRefusal) -> Void
    ) throws(P2PError) {
        try self.claim.withLock { claim throws(P2PError) in
            try self.book.update { ledger throws(ResourceRefusal) in try change(&ledger, &claim) }
        }
    }

    /// The same for a change that cannot fail.
    func update(_ change: (inout ResourceLedger, inout ResourceLedger.Claim) -> Void) {
        self.claim.withLock { claim in self.book.update { ledger in change(&ledger, &claim) } }
    }
}
