internal import KademliaSimulation
internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// What servers do: answer, keep house, announce, come and go as `BlockServer` does.
extension VirtualSwarm {
    private static let loadingTime = Duration.seconds(2)
    private static let drainTimeout = Duration.seconds(30)
    /// A session that has done nothing for so long has been given up, or can be replayed elsewhere.
    private static let quiet = Duration.seconds(5)

    /// Lets a server do something, delivers what it answers, and sees to it that what became ready is run.
    mutating func serve(_ number: Int, _ body: (inout SimulatedServer, Instant) -> [SimulatedServer.Reply]) {
        // Taken out, so that it is changed in place.
        guard var server = self.servers.removeValue(forKey: number) else { return }
        let replies = body(&server, self.now)
        let start = server.isRunning ? server.start(now: self.now) : nil
        self.servers[number] = server
        switch start {
        case .now(let duration):
            self.schedule(.passEnded(server: number, incarnation: server.incarnation, took: duration), in: duration)
        case .later(let moment):
            let event = Event.wakes(server: number, incarnation: server.incarnation, at: moment)
            self.queue.schedule(event, at: moment)
        case nil: break
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
        case .endStream(let session):
            self.servers[link.server]?.streams[SessionKey(peer: coordinator, session: session)] = nil
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

    mutating func wakes(_ number: Int, _ incarnation: Int, _ moment: Instant, _ event: Event) {
        guard let server = self.servers[number], server.incarnation == incarnation else { return }
        if let end = server.pausedUntil { return self.queue.schedule(event, at: end) }
        self.serve(number) { server, _ in server.wake(at: moment) }
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
        guard let server = self.servers[number], server.isRunning else { return }
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

    mutating func cancelSurveys(of number: Int) {
        for (id, search) in self.searches where search.peer == number && search.generation == nil {
            self.searches[id] = nil
        }
    }

    /// Loads a range, and says so.
    mutating func load(_ number: Int, _ blocks: BlockRange) {
        guard let incarnation = self.servers[number]?.incarnation else { return }
        self.servers[number]?.blocks = blocks
        self.announce(number, incarnation)
        self.schedule(.started(server: number, incarnation: incarnation), in: Self.loadingTime)
    }

    mutating func started(_ number: Int, _ incarnation: Int) {
        // Its owner may have ended it meanwhile.
        guard let server = self.servers[number], server.incarnation == incarnation, case .joining = server.phase
        else { return }
        self.servers[number]?.phase = .online
        self.say("server \(number) serves \(server.blocks)\(server.properties.lie.map { ", and lies: \($0)" } ?? "")")
        self.keepHouse(number, incarnation)
        guard server.properties.choice != nil else { return }
        self.reconsiderLater(number, incarnation)
    }

    mutating func keepHouse(_ number: Int, _ incarnation: Int) {
        guard let server = self.servers[number], server.incarnation == incarnation else { return }
        self.serve(number) { $0.keepHouse(now: $1) }
        if self.isBusy { self.lastBusy = self.now }
        // What was held up on its way may still open a session; what is not over by the end never is, and is told of.
        let end = self.start + self.scenario.duration + Self.longestGeneration * 2
        guard self.now - self.lastBusy < .seconds(120) || server.remains != nil && self.now < end else { return }
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
        // Where it may have wanted to go does not matter any more.
        if next == nil { self.cancelSurveys(of: number) }
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
}
