import P2PWire
import Testing

@testable import P2PCore

@Suite struct ProtocolHandlerTests {
    private let handler = ProtocolHandler("/echo", limit: 3, limitPerPeer: 2) { _ in }

    @Test func `one peer takes no more than its own share of the permits`() throws {
        let (greedy, modest) = (Identity().peerID, Identity().peerID)
        try self.handler.enter(greedy)
        try self.handler.enter(greedy)
        #expect(throws: P2PError.self) { try self.handler.enter(greedy) }
        try self.handler.enter(modest)
        #expect(throws: P2PError.self) { try self.handler.enter(modest) }
        self.handler.leave(greedy)
        try self.handler.enter(modest)
    }

    @Test func `a permit that was given back can be taken again`() throws {
        let peer = Identity().peerID
        for _ in 0..<10 {
            try self.handler.enter(peer)
            self.handler.leave(peer)
        }
    }
}
