import Kademlia
import Model
import P2PCore
import P2PWire
import ShardProtocol
import SwarmCore

/// A peer and the blocks that it is to run.
struct ChosenHop {
    var peer: PeerInfo
    var blocks: BlockRange
    var speaksExtension: Bool
    var speaksStreams: Bool
    var speaksPush: Bool
}

extension Coordinator {
    /// The peers that announce the model in the DHT.
    ///
    /// - Parameters:
    ///   - excluded: who does not count, beside those who failed lately.
    ///   - match: with whose weights they are to agree.
    func holders(
        through dht: DHT,
        host: Host,
        of blocks: BlockRange? = nil,
        besides excluded: Set<PeerID> = [],
        agreeingWith match: NodeRecord? = nil,
        lookupTime: Duration = Limits.lookupTime,
        insists: Bool = false
    ) async -> [KnownPeer] {
        let search = HolderSearch(
            blockCount: self.model.configuration.blockCount,
            discounted: excluded.union(self.peers.banned),
            matching: match
        )
        let holders = await Discovery(host: host, dht: dht)
            .holders(of: self.modelKey, search, of: blocks, lookupTime: lookupTime, insists: insists)
        self.peers.noteFound(holders)
        return holders
    }

    /// Plans a chain, or a part of one.
    ///
    /// - Parameters:
    ///   - way: how steps are to go from hop to hop.
    ///   - tokens: how many positions the sequence will fill at most.
    ///   - blocks: nil for the whole model.
    /// - Returns: the hops, and the way that was chosen where `way` leaves it open.
    /// - Throws: ``CoordinatorError`` with code `noRoute`, naming the command that closes the gap.
    func plan(
        _ holders: [KnownPeer],
        _ way: StepWay,
        tokens: Int,
        blocks: BlockRange? = nil,
        excluding excluded: Set<PeerID> = []
    ) throws(CoordinatorError) -> (hops: [ChosenHop], way: StepWay) {
        let candidates = self.peers.candidates(holders)
        let planner = self.planner(way, tokens: tokens, for: candidates)
        do {
            let hops = try planner.plan(candidates, blocks: blocks, excluding: excluded)
            let chosen = hops.compactMap { hop in
                holders.first { $0.peer.id == hop.peer }.map { holder in
                    ChosenHop(
                        peer: holder.peer,
                        blocks: hop.blocks,
                        speaksExtension: holder.record?.speaksStepExtension ?? false,
                        speaksStreams: holder.record?.speaksStreams ?? false,
                        speaksPush: holder.record?.speaksPush ?? false
                    )
                }
            }
            return (chosen, planner.routing.way)
        } catch {
            throw self.noRoute(error, holders: holders)
        }
    }

    /// Dials the peers that the caller chose and asks each what it is.
    ///
    /// - Parameter blocks: what they are to run together; nil for the whole model.
    /// - Throws: ``CoordinatorError`` with code `badChain` or `peerLost`.
    func pin(
        _ hops: [PinnedHop],
        host: Host,
        blocks: BlockRange? = nil
    ) async throws(CoordinatorError) -> [ChosenHop] {
        // Before anybody is asked: it needs nobody.
        if blocks == nil {
            try Chain.check(
                hops.map { (name: "\($0.address)", blocks: $0.blocks) },
                blockCount: self.model.configuration.blockCount
            )
        }
        var chosen: [ChosenHop] = []
        for hop in hops {
            let peer: PeerID
            do {
                peer = try await host.dial(hop.address)
            } catch {
                throw CoordinatorError(.peerLost, "no peer answers at \(hop.address): \(error.message)")
            }
            let info = PeerInfo(id: peer, addresses: [hop.address])
            let record = try? await self.record(of: info, host: host)
            try self.check(record, of: hop)
            chosen.append(
                ChosenHop(
                    peer: info,
                    blocks: hop.blocks,
                    speaksExtension: record?.speaksStepExtension ?? false,
                    speaksStreams: record?.speaksStreams ?? false,
                    speaksPush: record?.speaksPush ?? false
                )
            )
        }
        return chosen
    }

    private func record(of peer: PeerInfo, host: Host) async throws -> NodeRecord? {
        let records = try await fetchNodeRecords(from: peer, over: host, now: .now(), timeout: Limits.recordTime)
        return records.first { $0.peer == peer.id }?.record
    }

    /// A peer without a node record is a plain 1.0.0 server, of which nothing can be checked beforehand.
    private func check(_ record: NodeRecord?, of hop: PinnedHop) throws(CoordinatorError) {
        guard let record else { return }
        guard record.modelKey == self.modelKey else {
            throw CoordinatorError(
                .badChain,
                "\(hop.address) serves \(record.modelName) (\(record.modelKey)), not this model (\(self.modelKey)): name"
                    + " another peer, or its model with --model"
            )
        }
        guard record.range.contains(hop.blocks) else {
            throw CoordinatorError(
                .badChain,
                "\(hop.address) serves blocks \(record.range), which do not hold \(hop.blocks): name a range within them"
            )
        }
    }

    func noRoute(_ reason: NoRoute, holders: [KnownPeer]) -> CoordinatorError {
        let blockCount = self.model.configuration.blockCount
        let phrases = reason.missing.map { $0.phrase(of: blockCount) }.joined(separator: ", ")
        let why =
            switch reason.reason {
            case .uncovered: "no online peer serves \(phrases) of \(self.model.name)"
            case .disagreement:
                "the peers that serve \(self.model.name) hold different weights, formats or versions; \(phrases) are"
                    + " missing from the largest group that agrees"
            case .untiled: "the peers' ranges do not tile the model; \(phrases) are missing"
            }
        let address = holders.lazy.compactMap { holder in
            holder.peer.addresses.first.map { $0.withoutPeerID.appending(peer: holder.peer.id) }
        }.first
        let commands = self.serveCommands(for: reason.missing, joining: address)
        return CoordinatorError(
            .noRoute(missing: reason.missing),
            "\(why). This closes the gap:\n\(commands)"
        )
    }

    /// The commands that start peers for these blocks, a line for each.
    private func serveCommands(for blocks: [BlockRange], joining address: Multiaddr?) -> String {
        let join = address.map { " --bootstrap \($0)" } ?? ""
        let model = self.model.isEmbedded ? "" : " --model DIR"
        return blocks.map { "    kwaai-swift serve\(model) --blocks \($0)\(join)" }.joined(separator: "\n")
    }

    /// The caller's own choice names nobody else who runs these blocks.
    func notInChain(_ blocks: BlockRange, because reason: String) -> CoordinatorError {
        CoordinatorError(
            .noRoute(missing: [blocks]),
            "\(reason). Start another peer for these blocks, and name it in --chain:\n"
                + self.serveCommands(for: [blocks], joining: nil)
        )
    }
}
