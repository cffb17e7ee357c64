internal import KademliaCore
internal import P2PWire

/// Provider records, announced and looked for as `DHT` does.
extension Simulation {
    /// Has `count` random honest nodes announce a key each, and other honest nodes look for the providers.
    public mutating func records(_ count: Int) -> RecordReport {
        var report = RecordReport(lookups: LookupReport(nodeCount: self.members.count))
        for _ in 0..<count {
            guard let provider = self.randomHonest(), let reader = self.randomHonest() else { break }
            let key = self.randomKey()
            self.announce(key, by: provider, learning: false)
            self.find(key, of: provider, by: reader, report: &report)
        }
        return report
    }

    /// `provider` tells the k closest nodes that it finds.
    mutating func announce(_ key: [UInt8], by provider: Int, learning: Bool) {
        let info = self.members[provider].info
        let lookup = self.lookup(from: provider, Message(.findNode, key: key), learning: learning)
        let announcement = Message(.addProvider, key: key, providerPeers: [info])
        for holder in lookup.holders {
            guard let index = self.indices[holder.id], !self.members[index].isGone, self.members[index].isHonest,
                self.members[index].side == self.members[provider].side
            else { continue }
            _ = self.honestAnswer(of: index, to: info.id, announcement)
        }
    }

    /// `reader` asks who provides `key`.
    mutating func find(_ key: [UInt8], of provider: Int, by reader: Int, report: inout RecordReport) {
        var union = ProviderUnion()
        let lookup = self.lookup(from: reader, Message(.getProviders, key: key), learning: false) { answer in
            union.add(answer.providerPeers)
        }
        let wanted = self.members[provider].info.id
        report.recordCount += 1
        if union.peers.contains(where: { $0.id == wanted }) { report.foundCount += 1 }
        report.falseCount += union.peers.count { $0.id != wanted }
        self.add(lookup, of: reader, to: &report.lookups)
    }
}
