internal import KademliaCore
internal import NIOCore
internal import P2PWire

/// Nodes that come and go, while those that stay do their upkeep.
public struct Churn: Sendable {
    /// How long it lasts, in minutes of the simulation.
    public var minutes: Int
    /// How long a node stays on average; how long it will is independent of how long it has been there. As many come as
    /// go, and who goes says nothing.
    public var meanSession: Double
    /// Nodes that stay, provide a key each and announce it anew every ten minutes.
    public var providers = 20
    /// Lookups, and readers of a provided key, in each minute.
    public var readersPerMinute = 2

    public init(minutes: Int, meanSession: Double) {
        self.minutes = minutes
        self.meanSession = meanSession
    }
}

/// How a network fared under churn.
public struct ChurnReport: Sendable {
    /// Nodes that came, and as many that went.
    public internal(set) var arrivalCount = 0
    /// Lookups of random keys.
    public internal(set) var lookups: LookupReport
    /// Readers of provider records, from half an hour on: what was there at the beginning has expired by then.
    public internal(set) var records: RecordReport
}

extension Simulation {
    /// How often a node refreshes and republishes, in minutes.
    private static let period = 10
    /// When the records of the beginning have expired, in minutes.
    private static let expiry = 30

    /// Lets `churn` pass, a minute at a time.
    ///
    /// Each node once in ten minutes asks its members whether they live, looks up its own neighbourhood and one key of a
    /// bucket that no lookup has touched, and forgets what has run out. A real one does no less.
    public mutating func endure(_ churn: Churn) -> ChurnReport {
        let empty = LookupReport(nodeCount: self.members.count)
        var report = ChurnReport(lookups: empty, records: RecordReport(lookups: empty))
        let staying = (0..<churn.providers).compactMap { _ in self.randomHonest() }
        let keys = staying.map { _ in self.randomKey() }
        for minute in 0..<churn.minutes {
            self.now = self.now + .minutes(1)
            report.arrivalCount += self.exchange(share: 1 / churn.meanSession, staying: Set(staying))
            for index in self.members.indices where index % Self.period == minute % Self.period {
                self.keepUp(index)
            }
            for (number, provider) in staying.enumerated() where number % Self.period == minute % Self.period {
                self.announce(keys[number], by: provider, learning: true)
            }
            for _ in 0..<churn.readersPerMinute {
                guard let reader = self.randomHonest(), let number = keys.indices.randomElement(using: &self.generator)
                else { break }
                let lookup = self.lookup(from: reader, Message(.findNode, key: self.randomKey()), learning: true)
                self.add(lookup, of: reader, to: &report.lookups)
                guard minute >= Self.expiry else { continue }
                self.find(keys[number], of: staying[number], by: reader, report: &report.records)
            }
        }
        return report
    }

    /// That share of the honest nodes goes, and as many new ones join. Returns how many.
    private mutating func exchange(share: Double, staying: Set<Int>) -> Int {
        var count = 0
        for index in self.members.indices where !self.members[index].isGone && self.members[index].isHonest {
            guard !staying.contains(index), Double.random(in: 0..<1, using: &self.generator) < share else { continue }
            self.leave(index)
            count += 1
        }
        for _ in 0..<count {
            guard let first = self.randomHonest() else { break }
            self.join(self.addNode(), through: first)
        }
        return count
    }

    /// A node goes; what it knew goes with it.
    mutating func leave(_ index: Int) {
        self.members[index].isGone = true
        self.members[index].node = Node(id: self.members[index].info.id, now: self.now)
    }

    mutating func keepUp(_ index: Int) {
        guard !self.members[index].isGone, self.members[index].isHonest else { return }
        self.members[index].node.expire(now: self.now)
        self.checkMembers(of: index)
        _ = self.lookup(from: index, Message(.findNode, key: self.members[index].info.id.bytes), learning: true)
        let table = self.members[index].node.table
        let untouched = table.bucketsUntouched(since: self.now - .minutes(Int64(Self.period)))
        guard let bucket = untouched.prefix(6).randomElement(using: &self.generator) else { return }
        for key in table.refreshKeys(for: [bucket], attempts: 128, using: &self.generator) {
            _ = self.lookup(from: index, Message(.findNode, key: key), learning: true)
        }
    }
}
