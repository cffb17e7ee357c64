package import P2PWire
package import ShardProtocol

/// Every session of a block server: which step runs, which waits, which is refused, and what is forgotten when.
///
/// A value: events in, actions out. The shell runs blocks and answers peers; this decides (DESIGN.md §5).
package struct SessionLedger: Sendable {
    package enum Action: Hashable, Sendable {
        /// Run this step of a session now, and report it with `finished`.
        case run(StepID, SessionKey, RunOrder)
        /// Give this step the answer of the step that is running.
        case join(StepID, running: StepID)
        /// Answer with an error.
        case refuse(StepID, Refusal)
        /// Answer that the session is closed.
        case acknowledge(StepID)
        /// Free the session's KV-cache.
        case discard(SessionKey)
    }

    /// How to run a step.
    package struct RunOrder: Hashable, Sendable {
        /// Cut the cache back to this many tokens first; 0 makes a new one.
        package var position: Int
        package var tokenCount: Int
        package var blocks: BlockRange

        package init(position: Int, tokenCount: Int, blocks: BlockRange) {
            self.position = position
            self.tokenCount = tokenCount
            self.blocks = blocks
        }
    }

    /// How a step that was to run ended.
    package enum Outcome: Hashable, Sendable {
        case committed
        /// It began, and failed: what it had added to the cache no longer counts.
        case failed
        /// Its stream ended before it began.
        case dropped
    }

    /// What the server has, and therefore can promise.
    package struct Configuration: Sendable {
        /// Bytes for all KV-caches.
        package var kvBytes: Int
        /// Tokens of the longest sequence that the model can take.
        package var contextLength: Int
        /// Bytes of the keys and values of so many tokens, at most `contextLength`, in some blocks. No multiple of the
        /// tokens where blocks keep a window only.
        package var bytesOfSession: @Sendable (_ blocks: BlockRange, _ tokens: Int) -> Int

        package init(
            kvBytes: Int,
            contextLength: Int,
            bytesOfSession: @escaping @Sendable (_ blocks: BlockRange, _ tokens: Int) -> Int
        ) {
            self.kvBytes = kvBytes
            self.contextLength = contextLength
            self.bytesOfSession = bytesOfSession
        }
    }

    private let configuration: Configuration
    private var sessions: [SessionKey: Session] = [:]
    /// How many of them each peer has; none of those that have none.
    private var places: [PeerID: Int] = [:]
    private var budget: KVBudget
    /// Peers with sessions whose last connection was lost, and when.
    private var lostPeers: [PeerID: ContinuousClock.Instant] = [:]
    private var isDraining = false

    package init(configuration: Configuration) {
        self.configuration = configuration
        self.budget = KVBudget(capacity: configuration.kvBytes)
    }

    /// Bytes that new sessions may still reserve.
    package var freeKVBytes: Int { self.budget.free }

    /// Bytes that sessions have reserved.
    package var reservedKVBytes: Int { self.budget.reserved }

    package var sessionCount: Int { self.sessions.count }

    /// Whether no step has run or waited since `moment`.
    package func isQuiet(since moment: ContinuousClock.Instant) -> Bool {
        self.sessions.values.allSatisfy { $0.idleSince.map { $0 <= moment } ?? false }
    }

    /// Tokens that a session holds; 0 when it does not exist.
    package func length(of key: SessionKey) -> Int { self.sessions[key]?.length ?? 0 }

    /// Refuses new sessions from now on; those that exist go on.
    package mutating func drain() {
        self.isDraining = true
    }
}

// MARK: Steps

extension SessionLedger {
    /// A request arrived.
    package mutating func received(
        _ step: StepRequest,
        of key: SessionKey,
        now: ContinuousClock.Instant
    ) -> [Action] {
        self.lostPeers[key.peer] = nil
        guard var session = self.sessions[key] else { return self.open(step, key, now) }
        switch session.activity {
        case .running(_, _, closing: true):
            return [.refuse(step.id, Refusal(code: .unknownSession))]
        case .running(let running, var waiting, closing: false):
            // A retry has its step's number; another step for the same tokens may want another answer.
            if step.repeats(running), step.number == running.number { return [.join(step.id, running: running.id)] }
            guard waiting.count < Limits.waitingSteps else {
                return [.refuse(step.id, self.busy(have: session.length, Limits.retryAfter.lowerBound))]
            }
            waiting.append(step)
            session.activity = .running(running, waiting: waiting, closing: false)
            self.sessions[key] = session
            return []
        case .idle: return self.begin(step, of: session, key, waiting: [], now)
        }
    }

    /// A step that `run` started has ended.
    package mutating func finished(
        _ key: SessionKey,
        _ outcome: Outcome,
        now: ContinuousClock.Instant
    ) -> [Action] {
        guard var session = self.sessions[key], case .running(let step, let waiting, let closing) = session.activity
        else { return [] }
        switch outcome {
        case .committed:
            session.blocks = step.blocks
            session.length = step.position + step.tokenCount
            session.lastCommitted = step
        case .failed:
            session.blocks = step.blocks
            session.length = step.position
            session.lastCommitted = nil
        case .dropped: break
        }
        session.activity = .idle(since: now)
        self.sessions[key] = session
        guard !closing else { return self.forget(key) }
        let actions = self.resume(waiting, key, now)
        guard let rest = self.sessions[key], rest.isIdle, rest.length == 0 else { return actions }
        // Nothing ever came of it: its number is free again.
        return actions + self.forget(key)
    }

    /// The stream of a request ended before its answer. A step that has not begun is dropped; one that runs commits.
    package mutating func abandoned(_ id: StepID, of key: SessionKey) {
        guard var session = self.sessions[key], case .running(let running, var waiting, let closing) = session.activity
        else { return }
        waiting.removeAll { $0.id == id }
        session.activity = .running(running, waiting: waiting, closing: closing)
        self.sessions[key] = session
    }

    /// Lets the first waiting step run that may, and refuses those before it that may not.
    private mutating func resume(
        _ waiting: [StepRequest],
        _ key: SessionKey,
        _ now: ContinuousClock.Instant
    ) -> [Action] {
        var actions: [Action] = []
        for (index, step) in waiting.enumerated() {
            guard let session = self.sessions[key] else { break }
            let rest = Array(waiting.dropFirst(index + 1))
            actions += self.begin(step, of: session, key, waiting: rest, now)
            if self.sessions[key]?.isIdle == false { break }
        }
        return actions
    }

    /// Runs a step that is first in its session's queue, or says why not.
    private mutating func begin(
        _ step: StepRequest,
        of session: Session,
        _ key: SessionKey,
        waiting: [StepRequest],
        _ now: ContinuousClock.Instant
    ) -> [Action] {
        if let refusal = session.refusal(of: step) { return [.refuse(step.id, refusal)] }
        switch self.admit(step, key, have: session.length, now) {
        case .refused(let refusal): return [.refuse(step.id, refusal)]
        case .admitted(let discarded):
            var session = session
            session.highestNumber = step.number.map { max($0, session.highestNumber ?? 0) } ?? session.highestNumber
            session.activity = .running(step, waiting: waiting, closing: false)
            if self.sessions.updateValue(session, forKey: key) == nil { self.places[key.peer, default: 0] += 1 }
            let order = RunOrder(position: step.position, tokenCount: step.tokenCount, blocks: step.blocks)
            return discarded + [.run(step.id, key, order)]
        }
    }

    private mutating func open(_ step: StepRequest, _ key: SessionKey, _ now: ContinuousClock.Instant) -> [Action] {
        guard step.position == 0 else { return [.refuse(step.id, Refusal(code: .unknownSession))] }
        guard !self.isDraining else { return [.refuse(step.id, Refusal(code: .draining))] }
        let busy = [Action.refuse(step.id, self.busy(have: 0, Limits.retryAfter.upperBound))]
        guard self.places(of: key.peer) < Limits.sessionsPerPeer else { return busy }
        let session = Session(blocks: step.blocks, activity: .idle(since: now))
        guard self.sessions.count >= Limits.sessions else {
            return self.begin(step, of: session, key, waiting: [], now)
        }
        guard let victim = self.placeToTake(for: key.peer, now) else { return busy }
        // On a copy: whoever is refused for want of memory costs nobody a session.
        var after = self
        let discarded = after.forget(victim)
        let actions = after.begin(step, of: session, key, waiting: [], now)
        guard after.sessions[key] != nil else { return actions }
        self = after
        return discarded + actions
    }
}

// MARK: Places

extension SessionLedger {
    private func places(of peer: PeerID) -> Int { self.places[peer] ?? 0 }

    /// The session that makes room where all places are taken: the longest paused of those that have paused for a while and
    /// whose peer has more than its fair share of the places. Nil for a peer that has its own share already.
    private func placeToTake(for peer: PeerID, _ now: ContinuousClock.Instant) -> SessionKey? {
        let others = self.places.count - (self.places[peer] == nil ? 0 : 1)
        let share = Limits.sessions / (others + 1)
        guard self.places(of: peer) < share else { return nil }
        var longest: (key: SessionKey, since: ContinuousClock.Instant)?
        for (key, session) in self.sessions where self.places(of: key.peer) > share {
            guard let since = session.idleSince, since.duration(to: now) >= Limits.reclaimableAfter else { continue }
            // Of equals the smaller key, whatever the order of the table.
            if let known = longest, (known.since, known.key) < (since, key) { continue }
            longest = (key, since)
        }
        return longest?.key
    }
}

// MARK: Room

extension SessionLedger {
    private enum Admission {
        case admitted(discarding: [Action])
        case refused(Refusal)
    }

    /// Reserves what the session needs after this step, or up to `maxTokens` at once where that is given.
    private mutating func admit(
        _ step: StepRequest,
        _ key: SessionKey,
        have: Int,
        _ now: ContinuousClock.Instant
    ) -> Admission {
        let (end, overflow) = step.position.addingReportingOverflow(step.tokenCount)
        let tokens = max(end, min(step.maxTokens ?? 0, self.configuration.contextLength))
        guard !overflow, end <= self.configuration.contextLength else {
            return .refused(Refusal(code: .tooLarge, have: have))
        }
        let bytes = self.configuration.bytesOfSession(step.blocks, tokens)
        guard bytes <= self.budget.capacity else { return .refused(Refusal(code: .tooLarge, have: have)) }
        if self.budget.reserve(bytes, for: key) { return .admitted(discarding: []) }
        let share = self.budget.fairShare(with: key.peer, gone: self.lostPeers.keys)
        let more = bytes - self.budget.reservation(of: key)
        guard self.budget.reserved(by: key.peer) + more <= share else {
            return .refused(self.busy(have: have, self.timeUntilRoom(now)))
        }
        var room = self.budget.free
        var victims: [SessionKey] = []
        for candidate in self.reclaimable(share: share, now) where candidate != key && room < more {
            victims.append(candidate)
            room += self.budget.reservation(of: candidate)
        }
        guard room >= more else { return .refused(self.busy(have: have, self.timeUntilRoom(now))) }
        let discarded = victims.flatMap { self.forget($0) }
        guard self.budget.reserve(bytes, for: key) else { preconditionFailure("the room was counted") }
        return .admitted(discarding: discarded)
    }

    /// Sessions that may make room for a peer below its fair share, the longest idle first: those whose peer is gone,
    /// and those of peers above their share that have paused for a while.
    private func reclaimable(share: Int, _ now: ContinuousClock.Instant) -> [SessionKey] {
        var candidates: [(key: SessionKey, since: ContinuousClock.Instant)] = []
        for (key, session) in self.sessions {
            guard let since = session.idleSince else { continue }
            let isGone = self.lostPeers[key.peer] != nil
            let hasPaused = since.duration(to: now) >= Limits.reclaimableAfter
            guard isGone || hasPaused && self.budget.reserved(by: key.peer) > share else { continue }
            candidates.append((key, since))
        }
        candidates.sort { left, right in
            left.since == right.since ? left.key < right.key : left.since < right.since
        }
        return candidates.map(\.key)
    }

    private func busy(have: Int, _ delay: Duration) -> Refusal {
        let delay = min(max(delay, Limits.retryAfter.lowerBound), Limits.retryAfter.upperBound)
        return Refusal(code: .busy, have: have, retryAfter: delay)
    }

    /// How long until a session that is idle now could make room.
    private func timeUntilRoom(_ now: ContinuousClock.Instant) -> Duration {
        let paused = self.sessions.values.compactMap(\.idleSince).min()
        return paused.map { Limits.reclaimableAfter - $0.duration(to: now) } ?? Limits.retryAfter.upperBound
    }
}

// MARK: Endings

extension SessionLedger {
    /// The coordinator closes a session. Answered at once; a step that runs ends first, those that wait are refused.
    package mutating func closed(_ id: StepID, of key: SessionKey) -> [Action] {
        guard var session = self.sessions[key] else { return [.acknowledge(id)] }
        switch session.activity {
        case .idle: return [.acknowledge(id)] + self.forget(key)
        case .running(let running, let waiting, _):
            session.activity = .running(running, waiting: [], closing: true)
            self.sessions[key] = session
            return [.acknowledge(id)] + waiting.map { .refuse($0.id, Refusal(code: .unknownSession)) }
        }
    }

    /// The last connection to a peer is gone.
    package mutating func disconnected(_ peer: PeerID, now: ContinuousClock.Instant) {
        guard self.places[peer] != nil else { return }
        self.lostPeers[peer] = now
    }

    package mutating func connected(_ peer: PeerID) {
        self.lostPeers[peer] = nil
    }

    /// Forgets the sessions whose time is over; those with a step that runs have not been idle.
    package mutating func expired(now: ContinuousClock.Instant) -> [Action] {
        let due = self.sessions.compactMap { key, session in
            self.deadline(of: session, key).map { $0 <= now } == true ? key : nil
        }
        return due.flatMap { self.forget($0) }
    }

    /// When `expired` will next have something to do; nil when there is nothing to wait for.
    package var nextDeadline: ContinuousClock.Instant? {
        self.sessions.compactMap { self.deadline(of: $0.value, $0.key) }.min()
    }

    private func deadline(of session: Session, _ key: SessionKey) -> ContinuousClock.Instant? {
        guard let since = session.idleSince else { return nil }
        let idle = since.advanced(by: Limits.sessionIdle)
        guard let lost = self.lostPeers[key.peer] else { return idle }
        return min(idle, lost.advanced(by: Limits.sessionAfterConnectionLoss))
    }

    private mutating func forget(_ key: SessionKey) -> [Action] {
        self.sessions[key] = nil
        self.budget.release(key)
        let left = self.places(of: key.peer) - 1
        self.places[key.peer] = left > 0 ? left : nil
        if left <= 0 { self.lostPeers[key.peer] = nil }
        return [.discard(key)]
    }
}
