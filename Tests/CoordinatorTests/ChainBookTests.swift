import P2PWire
import ShardProtocol
import SwarmCore
import Testing

@testable import Coordinator

/// What a chain tells of its peers.
@Suite struct ChainBookTests {
    /// A peer that answers with nothing but times, or does not.
    private final class TimedSpan: Span {
        let blocks: BlockRange
        let isExact = true
        let name = "a peer"
        let peer: PeerID?
        private let answer: Result<StepTiming, CoordinatorError>

        init(_ peer: PeerID, _ blocks: BlockRange, _ answer: Result<StepTiming, CoordinatorError>) {
            self.peer = peer
            self.blocks = blocks
            self.answer = answer
        }

        func step(_ step: SpanStep, deadline: StepDeadline?) async throws(CoordinatorError) -> SpanAnswer {
            SpanAnswer(output: .logits([0]), timing: try self.answer.get())
        }

        func close() async {}
    }

    private let timing = StepTiming(compute: .milliseconds(8), queue: .milliseconds(1), network: .milliseconds(5))

    private func holder(_ peer: PeerID) throws -> KnownPeer {
        let record = NodeRecord(
            modelName: "tiny",
            modelKey: try ModelKey(bytes: [UInt8](repeating: 0, count: 16)),
            fingerprint: [UInt8](repeating: 1, count: 32),
            range: try BlockRange(0, 4),
            blockCount: 4,
            weightFormat: "f16",
            numerics: 1,
            state: .online,
            version: "test",
            sequence: 1,
            expiry: UnixTime(seconds: 0)
        )
        return KnownPeer(peer: PeerInfo(id: peer, addresses: []), record: record, roundTrip: nil)
    }

    /// What the book says of a peer after one pass of one token.
    private func candidate(after answer: Result<StepTiming, CoordinatorError>) async throws -> Candidate {
        let peer = try Identity(seed: [UInt8](repeating: 1, count: 32)).peerID
        let book = PeerBook()
        let span = TimedSpan(peer, try BlockRange(0, 4), answer)
        let chain = try Chain(spans: [span], blockCount: 4, book: book)
        _ = try? await chain.run(SequenceState.Pass(tokens: [1], position: 0))
        return try #require(book.candidates([try self.holder(peer)]).first)
    }

    @Test func `each step teaches how fast its peer is`() async throws {
        let candidate = try await self.candidate(after: .success(self.timing))
        #expect(candidate.blockTime == .milliseconds(2))
        #expect(candidate.queue == .milliseconds(1))
        #expect(candidate.roundTrip == .milliseconds(5))
        #expect(candidate.strikes == 0)
    }

    @Test func `a peer that is lost, or refuses what another may not, is banned`() async throws {
        for code in [CoordinatorError.Code.peerLost, .badReply, .refused(.failed), .refused(.badTensor)] {
            let candidate = try await self.candidate(after: .failure(CoordinatorError(code, "")))
            #expect(candidate.strikes == 1, "\(code)")
        }
    }

    @Test func `a peer that leaves, forgot, or that nobody waits for any more is not`() async throws {
        for code in [CoordinatorError.Code.refused(.draining), .refused(.unknownSession), .cancelled] {
            let candidate = try await self.candidate(after: .failure(CoordinatorError(code, "")))
            #expect(candidate.strikes == 0, "\(code)")
        }
    }
}
