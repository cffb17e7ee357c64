internal import KademliaSimulation
internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// What servers do: answer, keep house, announce, and choose their blocks as `BlockServer` does.
extension VirtualSwarm {
    private static let loadingTime = Duration.seconds(2)
    private static let settleTime = Duration.seconds(3)
    private static let longestStay = Duration.seconds(240)
    private static let drainTimeout = Duration.seconds(30)
    /// A session that has done nothing for so long has been given up, or can be replayed elsewhere.
    private static let quiet = Duration.seconds(5)

    /// Lets a server do something, delivers what it answers, and sees to it that what became ready is run.
    mutating func serve(_ number: Int, _ body: (inout SimulatedServer, Instant) -> [SimulatedServer.Reply]) {
        // Taken out, so that it is changed in place.
        guard var server = self.servers.removeValue(forKey: number) else { return }
        let replies = body(&server, self.now)
        let duration = server.isRunning ? server.beginPass(now: self.now) : nil
        self.servers[number] = server
        if let duration {
            self.schedule(.passEnded(server: number, incarnation: server.incarnation, took: duration), in: duration)
        }
        for reply in replies {
            guard self.network[reply.link].number == reply.connection, case .open = self.network[reply.link].phase
            else {
                continue
            }
            if case .push(let push) = reply.message { self.sayPush(push, over: reply.link) }
            self.transmit(reply.message, over: reply.link, isThere: reply.link.dialler == number)
        }
    }

    private func sayPush(_ push: PushMessage, over link: Link) {
        let step = push.step
        self.say(
            """
            server \(link.dialler) pushes to \(link.server), session \(step.session.rawValue), number \
            \(step.details?.number ?? 0): \(step.rows.tokenCount) tokens at \(step.position)\
            \(step.details?.rollback == true ? " again" : "")\(push.isGarbage ? ", garbage" : "")
            """
        )
    }

    mutating func serverReceived(_ message: Message, over link: Link, _ connection: Int) {
        if case .push(let push) = message, let peer = self.servers[link.dialler]?.properties.id {
            return self.serve(link.server) { $0.received(push, from: peer, over: link, connection, now: $1) }
        }
        guard let coordinator = self.coordinators[link.dialler]?.id else { return }
        switch message {
        case .ping: self.transmit(.pong, over: link, isThere: false)
        case .step(let step):
            let key = SessionKey(peer: coordinator, session: step.session)
            if self.servers[link.server]?.properties.speaksStreams == true {
                self.servers[link.server]?.use(key, over: link, connection)
                if step.details?.refusesPushes == true { self.servers[link.server]?.streams[key]?.predecessor = nil }
            }
            self.serve(link.server) { $0.received(step, of: coordinator, over: link, connection, now: $1) }
        case .close(let session): self.serve(link.server) { $0.close(session, of: coordinator, now: $1) }
        case .cancel(let session, let attempt):
            let key = SessionKey(peer: coordinator, session: session)
            self.serve(link.server) { server, now in
                server.abandon(now: now) { $0.key == key && $0.message.attempt == attempt }
            }
        case .open(let message): self.opens(message, of: coordinator, over: link, connection)
        case .answer, .opened, .push, .refusedPush, .pong: break
        }
    }

    mutating func passEnded(_ number: Int, _ incarnation: Int, _ took: Duration, _ event: Event) {
        guard let server = self.servers[number], server.incarnation == incarnation else { return }
        if let end = server.pausedUntil { return self.queue.schedule(event, at: end) }
        self.serve(number) { $0.endPass(took: took, now: $1) }
    }

    // MARK: Life

    mutating func startServer(_ number: Int) {
        guard self.servers[number]?.isRunning == false else { return }
        self.unpowered.remove(number)
        self.servers[number]?.start()
        self.dht.restart(number, isGone: false)
        guard let server = self.servers[number] else { return }
        if server.properties.choice == nil {
            self.load(number, server.blocks)
        } else {
            self.survey(number, server.incarnation, .choose)
        }
    }

    mutating func stopServer(_ number: Int, hasPower: Bool) {
        guard self.servers[number]?.isRunning == true else { return }
        self.servers[number]?.stop()
        self.dht.restart(number, isGone: true)
        self.cancelSurveys(of: number)
        if hasPower {
            for link in self.links(where: { $0.server == number || $0.dialler == number }) { self.breakOff(link) }
        } else {
            self.unpowered.insert(number)
            self.losePower(number)
        }
    }

    private mutating func cancelSurveys(of number: Int) {
        for (id, search) in self.searches where search.peer == number && search.generation == nil {
            self.searches[id] = nil
        }
    }

    /// Loads a range, and says so.
    private mutating func load(_ number: Int, _ blocks: BlockRange) {
        guard let incarnation = self.servers[number]?.incarnation else { return }
        self.servers[number]?.blocks = blocks
        self.announce(number, incarnation)
        self.schedule(.started(server: number, incarnation: incarnation), in: Self.loadingTime)
    }

    mutating func started(_ number: Int, _ incarnation: Int) {
        guard let server = self.servers[number], server.incarnation == incarnation else { return }
        self.servers[number]?.phase = .online
        self.say("server \(number) serves \(server.blocks)\(server.properties.lie.map { ", and lies: \($0)" } ?? "")")
        self.keepHouse(number, incarnation)
        guard server.properties.choice != nil else { return }
        let pause = Rebalancing.pause(upTo: Self.longestStay, using: &self.random)
        self.schedule(.reconsiders(server: number, incarnation: incarnation), in: pause)
    }

    mutating func keepHouse(_ number: Int, _ incarnation: Int) {
        guard let server = self.servers[number], server.incarnation == incarnation else { return }
        self.serve(number) { $0.keepHouse(now: $1) }
        guard self.isBusy || server.remains != nil else { return }
        self.schedule(.keepsHouse(server: number, incarnation: incarnation), in: .seconds(5))
    }

    mutating func announce(_ number: Int, _ incarnation: Int) {
        guard let server = self.servers[number], server.incarnation == incarnation, !server.isLeaving, self.isBusy
        else {
            return
        }
        for key in Announcement.keys(model: self.modelKey, range: server.blocks) { self.dht.provide(key, by: number) }
        self.schedule(.announces(server: number, incarnation: incarnation), in: .seconds(600))
    }

    // MARK: Leaving

    /// - Parameter next: where it goes; nil where it ends.
    mutating func drain(_ number: Int, for next: BlockRange?) {
        guard let server = self.servers[number], server.isRunning else { return }
        self.servers[number]?.phase = .draining(since: self.now)
        self.servers[number]?.ledger.drain()
        self.schedule(.leaves(server: number, incarnation: server.incarnation, next: next), in: .milliseconds(100))
    }

    /// Goes once its sessions are over or have paused, or have had time enough.
    mutating func leaves(_ number: Int, _ incarnation: Int, _ next: BlockRange?) {
        guard let server = self.servers[number], server.incarnation == incarnation,
            case .draining(let since) = server.phase
        else { return }
        let isQuiet = server.ledger.isQuiet(since: self.now - Self.quiet)
        guard server.ledger.sessionCount == 0 || isQuiet || self.now - since >= Self.drainTimeout else {
            return self.schedule(.leaves(server: number, incarnation: incarnation, next: next), in: .milliseconds(100))
        }
        guard let next else { return self.stopServer(number, hasPower: true) }
        self.say("server \(number) goes from \(server.blocks) to \(next)")
        self.report.moves += 1
        // Its process goes on; its sessions do not.
        self.serve(number) { server, now in server.abandon(now: now) { _ in true } }
        self.servers[number]?.start()
        for link in self.links(where: { $0.server == number }) {
            if case .open = self.network[link].phase { self.network[link].incarnation = incarnation + 1 }
        }
        self.load(number, next)
    }

    // MARK: Placement

    mutating func survey(_ number: Int, _ incarnation: Int, _ stage: Search.Stage) {
        guard self.servers[number]?.incarnation == incarnation, self.isBusy else { return }
        self.search(for: .survey(server: number, incarnation: incarnation, stage), by: number)
    }

    mutating func surveyed(_ number: Int, _ incarnation: Int, _ stage: Search.Stage, _ found: [FoundServer]) {
        guard let server = self.servers[number], server.incarnation == incarnation, let count = server.properties.choice
        else { return }
        let weights = UInt8(truncatingIfNeeded: server.properties.model.weights)
        let others = found.filter { $0.record.state != .draining && $0.record.fingerprint.first == weights }.map {
            other in
            let speed = other.record.blocksPerSecond
            let holding = Holding(peer: other.id, blocks: other.record.range, blocksPerSecond: speed)
            return Joiner(holding, isOnline: other.record.state == .online)
        }
        let blockCount = self.scenario.blockCount
        let spans = (0...blockCount - count).compactMap { try? BlockRange($0, $0 + count) }
        let choice = BlockChoice(blockCount: blockCount, spans: spans)
        let own = Holding(peer: server.properties.id, blocks: server.blocks, blocksPerSecond: 0)
        switch stage {
        case .choose:
            let best = choice.best(beside: others.map(\.holding)) ?? server.blocks
            self.servers[number]?.blocks = best
            self.servers[number]?.seen = others
            self.announce(number, incarnation)
            self.schedule(.settles(server: number, incarnation: incarnation), in: Self.settleTime)
        case .settle:
            self.load(number, choice.settled(own, among: others, after: server.seen))
        case .reconsider:
            guard case .online = server.phase else { return }
            let speed = Duration.seconds(1) / server.properties.blockTime
            let holding = Holding(peer: own.peer, blocks: own.blocks, blocksPerSecond: speed)
            if let target = Rebalancing(choice: choice).move(holding, among: others.map(\.holding)) {
                // It says that it leaves before it looks who stays.
                self.servers[number]?.phase = .draining(since: self.now)
                self.survey(number, incarnation, .leave(target))
            } else {
                let pause = Rebalancing.pause(upTo: Self.longestStay, using: &self.random)
                self.schedule(.reconsiders(server: number, incarnation: incarnation), in: pause)
            }
        case .leave(let target):
            let staying = others.filter(\.isOnline).map(\.holding.blocks)
            let isCovered = server.blocks.indices.allSatisfy { block in staying.contains { $0.indices.contains(block) }
            }
            if isCovered { self.drain(number, for: target) } else { self.servers[number]?.phase = .online }
        }
    }
}
