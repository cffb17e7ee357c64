package import P2PWire
package import SwarmCore
import Synchronization

/// What this process has learnt of the peers that it uses: how fast they are, and which of them failed.
///
/// It outlives a generation: everything that one ``Coordinator`` and its copies run shares it.
package final class PeerBook: Sendable {
    private struct Pages {
        var figures = PeerFigures()
        var bans = PeerBans()
    }

    private let pages = Mutex(Pages())

    package init() {}

    /// Peers answered, or did not, while a chain was looked for.
    package func noteFound(_ holders: [KnownPeer]) {
        let now = ContinuousClock.now
        self.pages.withLock { pages in
            for holder in holders {
                guard let roundTrip = holder.roundTrip else { continue }
                pages.figures.pinged(holder.peer.id, roundTrip: roundTrip, now: now)
            }
        }
    }

    /// A peer answered a step, so whatever it failed at before is forgiven.
    ///
    /// - Parameters:
    ///   - isPushed: whether it came from another hop, or went on to one: its timing is this hop's share then.
    ///   - blocks: how many it ran.
    ///   - tokens: how many it ran through them.
    package func noteStep(peer: PeerID, timing: StepTiming, isPushed: Bool = false, blocks: Int, tokens: Int) {
        let now = ContinuousClock.now
        self.pages.withLock { pages in
            pages.bans.succeeded(peer)
            pages.figures.ran(
                peer,
                blocks: blocks,
                tokens: tokens,
                compute: timing.compute,
                queue: timing.queue,
                network: timing.network + timing.serialise,
                isPushed: isPushed,
                now: now
            )
        }
    }

    /// A peer was lost, or failed a step in a way that another would not have.
    package func noteFailure(peer: PeerID) {
        self.pages.withLock { $0.bans.failed(peer, now: .now) }
    }

    /// Those who failed lately.
    var banned: Set<PeerID> {
        self.pages.withLock { $0.bans.banned(now: .now) }
    }

    /// What a plan may choose from.
    package func candidates(_ holders: [KnownPeer]) -> [Candidate] {
        let now = ContinuousClock.now
        return self.pages.withLock { pages in
            holders.compactMap { holder in
                guard let record = holder.record else { return nil }
                var candidate = pages.figures.candidate(holder.peer.id, record, now: now)
                candidate.roundTrip = candidate.roundTrip ?? holder.roundTrip
                candidate.strikes = pages.bans.strikes(of: holder.peer.id, now: now)
                return candidate
            }
        }
    }
}
