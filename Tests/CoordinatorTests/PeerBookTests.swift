import P2PWire
import ShardProtocol
import SwarmCore
import Testing

@testable import Coordinator

@Suite struct PeerBookTests {
    private func holder(_ number: UInt8, roundTrip: Duration? = .milliseconds(4)) throws -> KnownPeer {
        let range = try BlockRange(0, 4)
        let record = NodeRecord(
            modelName: "tiny",
            modelKey: try ModelKey(bytes: [UInt8](repeating: 0, count: 16)),
            fingerprint: [UInt8](repeating: 1, count: 32),
            range: range,
            blockCount: 4,
            weightFormat: "f16",
            numerics: 1,
            state: .online,
            blocksPerSecond: 1000,
            version: "test",
            sequence: 1,
            expiry: UnixTime(seconds: 0)
        )
        let peer = try Identity(seed: [UInt8](repeating: number, count: 32)).peerID
        return KnownPeer(peer: PeerInfo(id: peer, addresses: []), record: record, roundTrip: roundTrip)
    }

    @Test func `what steps showed outlives the discovery that found the peer`() throws {
        let book = PeerBook()
        let holder = try self.holder(1)
        book.noteFound([holder])
        let timing = StepTiming(compute: .milliseconds(8), queue: .milliseconds(1), network: .milliseconds(5))
        book.noteStep(peer: holder.peer.id, timing: timing, blocks: 4, tokens: 1)
        let candidate = try #require(book.candidates([holder]).first)
        #expect(candidate.blockTime == .milliseconds(2))
        #expect(candidate.roundTrip == .milliseconds(5))
    }

    @Test func `a failure bans a peer until it succeeds`() throws {
        let book = PeerBook()
        let holder = try self.holder(1)
        book.noteFailure(peer: holder.peer.id)
        #expect(book.candidates([holder]).map(\.strikes) == [1])
        let timing = StepTiming(compute: .zero, queue: .zero, network: .zero)
        book.noteStep(peer: holder.peer.id, timing: timing, blocks: 4, tokens: 256)
        #expect(book.candidates([holder]).map(\.strikes) == [0])
    }

    @Test func `a peer without a record is no candidate, one that did not answer a ping is`() throws {
        var silent = try self.holder(1, roundTrip: nil)
        let book = PeerBook()
        book.noteFound([silent])
        #expect(book.candidates([silent]).map(\.roundTrip) == [nil])
        silent.record = nil
        #expect(book.candidates([silent]).isEmpty)
    }
}
