package import ShardProtocol

/// What all hops of a chain have in common.
struct Lineage: Hashable {
    var fingerprint: [UInt8]
    var weightFormat: String
    var numerics: UInt32

    init(_ record: NodeRecord) {
        self.fingerprint = record.fingerprint
        self.weightFormat = record.weightFormat
        self.numerics = record.numerics
    }
}

/// Which candidates may stand in one chain: those of the same weights to the bit (DESIGN.md §4).
enum WeightAgreement {
    /// The largest sets of candidates that agree with each other, in a fixed order; a candidate may be in several.
    ///
    /// Of more than `Limits.weightGroups` the largest that were found.
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
        let groups = lineages.flatMap { Self.agreeing(members[$0] ?? []) }.enumerated()
        return groups.sorted { ($1.element.count, $0.offset) < ($0.element.count, $1.offset) }
            .prefix(Limits.weightGroups).map(\.element)
    }

    /// Splits candidates of one lineage where their block digests differ, which they do not unless something is wrong.
    private static func agreeing(_ candidates: [Candidate]) -> [[Candidate]] {
        let conflicts = Self.conflicts(candidates)
        let undisputed = candidates.indices.filter { conflicts[$0].isEmpty }
        guard undisputed.count < candidates.count else { return [candidates] }
        var cliques = Cliques(conflicts: conflicts)
        return cliques.find().map { clique in (clique + undisputed).sorted().map { candidates[$0] } }
    }

    /// For each candidate those, by index, whose digest of some block differs from its own.
    private static func conflicts(_ candidates: [Candidate]) -> [Set<Int>] {
        var conflicts = [Set<Int>](repeating: [], count: candidates.count)
        let end = candidates.map(\.record.range.upperBound).max() ?? 0
        for block in 0..<end {
            var holders: [(digest: [UInt8], members: [Int])] = []
            for (index, candidate) in candidates.enumerated() {
                guard let digest = Self.digest(of: block, in: candidate.record) else { continue }
                if let known = holders.firstIndex(where: { $0.digest == digest }) {
                    holders[known].members.append(index)
                } else {
                    holders.append((digest, [index]))
                }
            }
            guard holders.count > 1 else { continue }
            let everybody = Set(holders.flatMap(\.members))
            for holder in holders {
                let others = everybody.subtracting(holder.members)
                for member in holder.members { conflicts[member].formUnion(others) }
            }
        }
        return conflicts
    }

    private static func digest(of block: Int, in record: NodeRecord) -> [UInt8]? {
        let offset = block - record.range.lowerBound
        return record.blockDigests.indices.contains(offset) ? record.blockDigests[offset] : nil
    }
}

/// The largest sets of numbers of which no two are in conflict, those without any left out: Bron and Kerbosch's search,
/// with a pivot.
private struct Cliques {
    let conflicts: [Set<Int>]
    private var found: [[Int]] = []
    private var steps = 0

    init(conflicts: [Set<Int>]) {
        self.conflicts = conflicts
    }

    mutating func find() -> [[Int]] {
        let disputed = self.conflicts.indices.filter { !self.conflicts[$0].isEmpty }
        let order = disputed.sorted { (self.conflicts[$0].count, $0) < (self.conflicts[$1].count, $1) }
        self.extend([], with: order, without: [])
        return self.found
    }

    /// - Parameters:
    ///   - open: in conflict with nobody of `clique`, and not tried yet.
    ///   - done: likewise, and tried: with them a set would be found twice.
    private mutating func extend(_ clique: [Int], with open: [Int], without done: [Int]) {
        self.steps += 1
        guard self.found.count < Limits.weightGroups, self.steps <= Limits.agreementSteps else { return }
        guard let pivot = self.pivot(among: open + done, for: open) else {
            self.found.append(clique)
            return
        }
        var (open, done) = (open, done)
        for next in open.filter({ $0 == pivot || self.conflicts[pivot].contains($0) }) {
            let out = self.conflicts[next]
            self.extend(
                clique + [next],
                with: open.filter { $0 != next && !out.contains($0) },
                without: done.filter { !out.contains($0) }
            )
            open.removeAll { $0 == next }
            done.append(next)
        }
    }

    /// Who is in conflict with the fewest of `open`: only those, and the pivot itself, need be tried.
    private func pivot(among candidates: [Int], for open: [Int]) -> Int? {
        var best: (candidate: Int, count: Int)?
        for candidate in candidates {
            let conflicts = self.conflicts[candidate]
            let count = open.count { conflicts.contains($0) }
            if best.map({ count < $0.count }) ?? true { best = (candidate, count) }
            if count == 0 { break }
        }
        return best?.candidate
    }
}

extension NodeRecord {
    /// Whether both may stand in one chain: the same weights to the bit, as far as both hold them (DESIGN.md §4).
    package func agrees(with other: NodeRecord) -> Bool {
        guard self.fingerprint == other.fingerprint, self.weightFormat == other.weightFormat,
            self.numerics == other.numerics
        else { return false }
        let digests = Dictionary(uniqueKeysWithValues: zip(other.range.indices, other.blockDigests))
        return zip(self.range.indices, self.blockDigests).allSatisfy { block, digest in
            digests[block].map { $0 == digest } ?? true
        }
    }
}
