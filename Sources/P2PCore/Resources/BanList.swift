package import NIOCore
package import P2PWire

/// Whom a host has nothing to do with for a while, and who is about to get there: a value that is given the time.
///
/// Offences are broken protocols, never busyness, resets or silence. Some within a while make a ban, which doubles with
/// each that follows and is forgiven step by step.
package struct BanList: Sendable {
    package enum Subject: Hashable, Sendable, CustomStringConvertible {
        case peer(PeerID)
        /// Neighbouring addresses.
        case network(IPPrefix)

        package var description: String {
            switch self {
            case .peer(let peer): "\(peer)"
            case .network(let prefix): "\(prefix)"
            }
        }
    }

    package struct Entry: Sendable, Equatable {
        package var until: NIODeadline
        package var reason: String
    }

    fileprivate struct Record: Sendable {
        /// Of the last offences, as long as they count; fewer than make a ban.
        var offences: [NIODeadline] = []
        /// How many bans the next one has to double.
        var level = 0
        /// When an offence or the end of a ban was last seen: a level is forgiven after a while from then on.
        var quietSince: NIODeadline
    }

    private let capacity: Int
    private var bans: [Subject: Entry] = [:]
    private var records: [Subject: Record] = [:]

    package init(capacity: Int = Limits.bans) {
        self.capacity = capacity
    }

    /// How many bans and records are kept.
    package var count: (bans: Int, records: Int) { (self.bans.count, self.records.count) }

    /// The ban that holds; `nil` when there is none or it has expired.
    package func ban(of subject: Subject, at now: NIODeadline) -> Entry? {
        self.bans[subject].flatMap { now < $0.until ? $0 : nil }
    }

    /// All bans that hold, the longest first.
    package func all(at now: NIODeadline) -> [(subject: Subject, entry: Entry)] {
        self.bans.filter { now < $0.value.until }
            .sorted { $0.value.until > $1.value.until }
            .map { ($0.key, $0.value) }
    }

    /// Bans from now on. A ban that holds is never made shorter by this.
    package mutating func ban(_ subject: Subject, for duration: Duration, reason: String, at now: NIODeadline) {
        let until = now + TimeAmount(clamping: duration)
        if let known = self.ban(of: subject, at: now), known.until >= until { return }
        if self.bans[subject] == nil, self.bans.count >= self.capacity {
            self.bans = self.bans.filter { now < $0.value.until }
            if self.bans.count >= self.capacity, let first = self.bans.min(by: { $0.value.until < $1.value.until }) {
                self.bans[first.key] = nil
            }
        }
        self.bans[subject] = Entry(until: until, reason: reason)
    }

    /// Forgives everything.
    package mutating func lift(_ subject: Subject) {
        self.bans[subject] = nil
        self.records[subject] = nil
    }

    /// Somebody broke a protocol.
    ///
    /// - Returns: how long it is banned for that; `nil` when it is not yet.
    package mutating func offended(_ subject: Subject, reason: String, at now: NIODeadline) -> Duration? {
        self.makeRoom(for: subject)
        var record = self.records[subject] ?? Record(quietSince: now)
        record.forgive(at: now)
        record.offences.append(now)
        record.quietSince = max(record.quietSince, now)
        guard record.offences.count >= Limits.offencesForBan else {
            self.records[subject] = record
            return nil
        }
        let duration = min(Limits.firstBan * (1 << record.level), Limits.longestBan)
        record.offences = []
        record.level = min(record.level + 1, Limits.banLevels)
        record.quietSince = now + TimeAmount(clamping: duration)
        self.records[subject] = record
        self.ban(subject, for: duration, reason: reason, at: now)
        return duration
    }

    /// Drops who has been quiet for longest.
    private mutating func makeRoom(for subject: Subject) {
        guard self.records[subject] == nil, self.records.count >= self.capacity else { return }
        if let quietest = self.records.min(by: { $0.value.quietSince < $1.value.quietSince }) {
            self.records[quietest.key] = nil
        }
    }
}

extension BanList.Record {
    /// Forgets what happened too long ago.
    fileprivate mutating func forgive(at now: NIODeadline) {
        self.offences.removeAll { now - $0 > TimeAmount(clamping: Limits.offenceWindow) }
        guard now > self.quietSince else { return }
        let step = TimeAmount(clamping: Limits.banForgiveness).nanoseconds
        self.level = max(0, self.level - Int((now - self.quietSince).nanoseconds / step))
    }
}
