internal import ShardProtocol

/// Which candidates may stand in one chain: those of the same weights to the bit (DESIGN.md §4).
enum WeightAgreement {
    /// What all hops of a chain have in common.
    private struct Lineage: Hashable {
        var fingerprint: [UInt8]
        var weightFormat: String
        var numerics: UInt32

        init(_ record: NodeRecord) {
            self.fingerprint = record.fingerprint
            self.weightFormat = record.weightFormat
            self.numerics = record.numerics
        }
    }

    /// The largest sets of candidates that agree with each other, in a fixed order; a candidate may be in several.
    ///
    /// - Parameter candidates: sorted by peer.
    static func groups(_ candidates: [Candidate]) -> [[Candidate]] {
        var lineages: [Lineage] = []
        var members: [Lineage: [Candidate]] = [:]
        for candidate in candidates {
            let lineage = Lineage(candidate.record)
            if members[lineage] == nil { lineages.append(lineage) }
            members[lineage, default: []].append(candidate)
        }
        return lineages.flatMap { Self.agreeing(members[$0] ?? []) }
    }

    /// Splits candidates of one lineage where their block digests differ, which they do not unless something is wrong.
    private static func agreeing(_ candidates: [Candidate]) -> [[Candidate]] {
        var groups: [[Candidate]] = []
        for seed in candidates where !groups.contains(where: { $0.contains(seed) }) {
            var digests: [Int: [UInt8]] = [:]
            var group: [Candidate] = []
            for candidate in [seed] + candidates.filter({ $0 != seed }) {
                let own = Self.digests(candidate.record)
                guard own.allSatisfy({ block, digest in digests[block].map { $0 == digest } ?? true }) else { continue }
                digests.merge(own) { known, _ in known }
                group.append(candidate)
            }
            groups.append(group.sorted { $0.peer < $1.peer })
        }
        return groups
    }

    private static func digests(_ record: NodeRecord) -> [Int: [UInt8]] {
        Dictionary(uniqueKeysWithValues: zip(record.range.indices, record.blockDigests))
    }
}
