import P2PWire
import Testing

@testable import P2PCore

@Suite struct ConnectionMemoryTests {
    private let peer = Identity().peerID

    /// A connection in the books of a host that lends one connection `byteCount` bytes.
    private func reservation(in book: ResourceBook) throws -> Reservation {
        let reservation = try Reservation(book) { ledger throws(ResourceRefusal) in try ledger.dial() }
        try reservation.update { ledger, claim throws(ResourceRefusal) in
            try ledger.authenticate(&claim, as: self.peer, connection: 1)
        }
        return reservation
    }

    private func book(lending byteCount: Int) -> ResourceBook {
        var limits = ResourceLimits()
        limits.connection.total.memory = byteCount
        return ResourceBook(limits: limits)
    }

    @Test func `one stream at a time needs nothing more`() throws {
        let book = self.book(lending: Limits.connectionMemory)
        var memory = ConnectionMemory(try self.reservation(in: book))
        try memory.cover(Int(P2PWire.Limits.initialWindow) + 128 * 1024)
        #expect(book.usage(of: .system).total.memory == Limits.connectionMemory)
    }

    @Test func `memory grows by steps and shrinks when no stream is left`() throws {
        let book = self.book(lending: 8 << 20)
        var memory = ConnectionMemory(try self.reservation(in: book))
        try memory.cover(1 << 20)
        #expect(book.usage(of: .connection(1)).total.memory == 2 << 20)
        try memory.cover(3 << 19)
        #expect(book.usage(of: .connection(1)).total.memory == 2 << 20)
        memory.shrink()
        #expect(book.usage(of: .connection(1)).total.memory == Limits.connectionMemory)
    }

    @Test func `beyond the limit nothing is taken and the rest goes on`() throws {
        let book = self.book(lending: 2 << 20)
        var memory = ConnectionMemory(try self.reservation(in: book))
        let error = #expect(throws: P2PError.self) { try memory.cover(2 << 20) }
        #expect(error?.code == .limitReached)
        #expect(error?.message.contains("\(2 << 20) bytes of memory") == true)
        #expect(book.usage(of: .system).total.memory == Limits.connectionMemory)
        try memory.cover(1 << 20)
    }

    @Test func `windows grow while there is memory and stay as they are without`() throws {
        let book = self.book(lending: 12 << 20)
        var memory = ConnectionMemory(try self.reservation(in: book))
        var budget = WindowBudget(0)
        memory.grow(&budget, heldBytes: 0)
        #expect(budget.granted == 0)
        #expect(budget.take(upTo: 1000) == 0)
        memory.grow(&budget, heldBytes: 0)
        #expect(budget.granted == Limits.windowStep)
        #expect(budget.take(upTo: Limits.windowStep) == Limits.windowStep)
        #expect(budget.take(upTo: 1000) == 0)
        memory.grow(&budget, heldBytes: Int(budget.granted))
        #expect(budget.granted == Limits.windowStep)
    }

    @Test func `windows never grow beyond their connection's bound`() throws {
        let book = self.book(lending: .max)
        var memory = ConnectionMemory(try self.reservation(in: book))
        var budget = WindowBudget(0)
        for _ in 0..<20 {
            _ = budget.take(upTo: .max / 2)
            memory.grow(&budget, heldBytes: Int(budget.granted))
        }
        #expect(budget.granted == P2PWire.Limits.windowGrowth)
    }

    @Test func `what is let go is free`() throws {
        let book = self.book(lending: 8 << 20)
        do {
            var memory = ConnectionMemory(try self.reservation(in: book))
            try memory.cover(4 << 20)
        }
        #expect(book.update { $0.scopes }.isEmpty)
    }
}
