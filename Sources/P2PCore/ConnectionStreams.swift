import NIOCore
import P2PWire

/// The streams of one connection on its event loop: what each speaks, and into which mailbox its bytes go.
struct ConnectionStreams {
    struct Entry {
        var mailbox: StreamMailbox
        var negotiation: StreamNegotiation
        /// Room for a stream that we opened; one that the remote opened has its room while it is served.
        var permit: Reservation?
        /// Fires when the agreement, or after a close the remote's end, takes too long.
        var deadline: Scheduled<Void>?
    }

    private var entries: [StreamID: Entry] = [:]

    var isEmpty: Bool { self.entries.isEmpty }

    subscript(id: StreamID) -> Entry? {
        get { self.entries[id] }
        _modify { yield &self.entries[id] }
    }

    @discardableResult
    mutating func remove(_ id: StreamID) -> Entry? {
        guard let entry = self.entries.removeValue(forKey: id) else { return nil }
        entry.deadline?.cancel()
        return entry
    }

    mutating func removeAll() -> [Entry] {
        defer { self.entries.removeAll() }
        for entry in self.entries.values { entry.deadline?.cancel() }
        return Array(self.entries.values)
    }
}
