internal import ShardProtocol

// MARK: - Pushing

/// From hop to hop instead of over the coordinator (`specs/swarm.md` §3.8).
///
/// A step then names its numbers on the hops after the one that it is sent to. Each answers as if it had been asked: its
/// answer fills the log of the next, later than that hop needed it. So a pass is over when the last hop has answered, and
/// what is still on its way is waited for beside the next passes. Whatever does not come the short way is given again the
/// long way, which every hop bears, because only steps with higher numbers count.
extension ChainSession {
    /// Two hops of which one pushes to the other.
    package struct Edge: Hashable, Sendable {
        package var from: HopID
        package var to: HopID
    }

    /// A step that the hop before sends.
    package struct Push: Sendable {
        /// ``answered(_:with:isLeaving:now:)``, ``failed(_:_:now:)`` or ``astray(_:now:)`` is to follow.
        package var id: StepID
        package var hop: HopID
        /// Counts the steps of the hop's session, with those that were sent.
        package var number: UInt32
        package var tokenCount: Int
        package var wantsLogits: Bool
        package var guesses: Int
        package var isLast: Bool
    }

    /// A pushed step that is not waited for any more, and may never be answered.
    package struct DroppedPush: Hashable, Sendable {
        package var hop: HopID
        package var number: UInt32
    }

    /// Those that were dropped, each once.
    @specialized(where Payload == SpanInput)
    package mutating func takeDropped() -> [DroppedPush] {
        guard !self.dropped.isEmpty else { return [] }
        defer { self.dropped = [] }
        return self.dropped
    }

    /// What is waited for that was pushed.
    package struct AwaitedPush: Sendable {
        package var id: StepID
        package var hop: HopID
        package var since: ContinuousClock.Instant
        /// ``late(_:now:)`` is to be told when it takes longer.
        package var deadline: Duration
    }

    package var awaitedPushes: [AwaitedPush] {
        self.links.flatMap { link in
            let deadline = link.deadline(after: self.attempts)
            return link.outstanding.lazy.filter { $0.isPushed && $0.answer == nil }
                .map { AwaitedPush(id: $0.id, hop: link.member.id, since: $0.since, deadline: deadline) }
        }
    }

    /// The hop before does not send the step, or its answer does not come the short way, or is not what it should be: who is
    /// to blame for that shows when the step is given the long way.
    package mutating func astray(_ id: StepID, now: ContinuousClock.Instant) -> [Action] {
        guard let index = self.index(of: id), let step = self.links[index].outstanding.first(where: { $0.id == id }),
            step.isPushed
        else { return [] }
        self.giveUpEdge(to: index)
        self.links[index - 1].edgeBroke()
        self.dropPushes(from: index, at: step.tokens.lowerBound)
        return self.next(now)
    }

    /// A way was opened, or could not be; nil where nobody waited to see.
    package mutating func connected(_ edge: Edge, isOpen: Bool?) {
        guard let index = self.links.firstIndex(where: { $0.member.id == edge.from }),
            self.links[index].edge == .opening(edge.to)
        else { return self.refuseWhoever(pushesTo: edge.to) }
        if isOpen == true {
            self.links[index].edge = .open(edge.to)
        } else {
            self.giveUpEdge(to: index + 1)
        }
        if isOpen == false { self.links[index].edgeBroke() }
    }

    /// A way that was open has broken: what was on it may not have arrived.
    package mutating func broke(_ edge: Edge, now: ContinuousClock.Instant) -> [Action] {
        guard let index = self.links.firstIndex(where: { $0.member.id == edge.from }),
            self.links[index].edge == .open(edge.to), self.links[index + 1].member.id == edge.to
        else { return [] }
        let lost = self.links[index + 1].outstanding.first { $0.isPushed && $0.answer == nil }
        if let lost { return self.astray(lost.id, now: now) }
        self.giveUpEdge(to: index + 1)
        self.links[index].edgeBroke()
        return []
    }

    /// A way that nobody wants any more was opened all the same, so the hop may take pushes from the wrong one.
    private mutating func refuseWhoever(pushesTo hop: HopID) {
        guard let index = self.links.firstIndex(where: { $0.member.id == hop }), index > 0 else { return }
        self.giveUpEdge(to: index)
        self.links[index].refusePushes()
    }

    /// Nothing is pushed any more to this hop, or the end of the chain. Whoever was to push is refused from the hop's next
    /// step on, until one that says so is answered: it may have been replaced, and mean no good.
    mutating func giveUpEdge(to index: Int) {
        guard index < self.links.count else { return }
        let hop = self.links[index].member.id
        let edge = self.links[index - 1].edge
        if edge == .opening(hop) || edge == .open(hop) { self.links[index].refusePushes() }
        self.links[index - 1].edge = .none
    }

    /// A way that is worth opening; nil when there is none.
    var missingEdge: Int? {
        guard self.maxPushes > 0 else { return nil }
        return self.links.indices.dropLast().first { index in
            let (link, next) = (self.links[index], self.links[index + 1])
            guard link.member.pushes, next.member.pushes, link.brokenEdges < self.maxPushes, link.lost == nil,
                next.lost == nil, !next.isRefusingPushes
            else { return false }
            return link.edge != .opening(next.member.id) && link.edge != .open(next.member.id)
        }
    }

    mutating func open(_ index: Int) -> Edge {
        let edge = Edge(from: self.links[index].member.id, to: self.links[index + 1].member.id)
        self.links[index].edge = .opening(edge.to)
        return edge
    }

    /// Lets a step that is about to be sent go on from hop to hop, as far as these have what came before.
    mutating func pushes(
        after index: Int,
        _ tokens: Range<Int>,
        _ pass: Pass,
        _ now: ContinuousClock.Instant
    ) -> (pushes: [Push], goBack: Bool) {
        var pushes: [Push] = []
        var goBack = false
        for next in self.links.indices.dropFirst(index + 1) where pushes.count == next - index - 1 {
            guard self.mayBePushed(tokens, to: next, pass) else { break }
            let id = self.nextID()
            let (number, goesBack) = self.links[next].given(id, tokens, isPushed: true, now)
            let isLast = next == self.links.count - 1
            let wantsLogits = isLast && pass.wantsLogits && tokens.upperBound == pass.end
            goBack = goBack || goesBack
            pushes.append(
                Push(
                    id: id,
                    hop: self.links[next].member.id,
                    number: number,
                    tokenCount: tokens.count,
                    wantsLogits: wantsLogits,
                    guesses: wantsLogits ? pass.guesses : 0,
                    isLast: isLast
                )
            )
        }
        return (pushes, goBack)
    }

    private func mayBePushed(_ tokens: Range<Int>, to index: Int, _ pass: Pass) -> Bool {
        let link = self.links[index]
        guard self.links[index - 1].edge == .open(link.member.id), !self.isVacant(index), link.hasRoom(pushed: true),
            link.sent == tokens.lowerBound
        else { return false }
        // What guesses hold together is not torn apart where it is judged.
        guard index == self.links.count - 1, tokens.upperBound > pass.together else { return true }
        return tokens == pass.together..<pass.end
    }

    /// Nothing comes of what was pushed from `position` on to a hop, nor of what was pushed on from there.
    mutating func dropPushes(from index: Int, at position: Int) {
        for later in self.links.indices.dropFirst(index) {
            let link = self.links[later]
            for step in link.outstanding where step.isPushed && step.tokens.lowerBound >= position {
                self.dropped.append(DroppedPush(hop: link.member.id, number: step.number))
            }
            self.links[later].outstanding.removeAll { $0.isPushed && $0.tokens.lowerBound >= position }
        }
    }
}
