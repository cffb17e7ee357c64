internal import KademliaSimulation
internal import ShardProtocol
internal import SwarmCore

/// How long both sides of a connection that broke in silence go on believing in it.
private let unnoticed = Duration.seconds(15)

/// Connections, and what travels on them.
extension VirtualSwarm {
    /// Whoever dials a server sends something; where there is no connection it dials.
    ///
    /// - Parameter message: nil where only a connection is wanted.
    /// - Returns: the number of the connection.
    @discardableResult
    mutating func send(_ message: Message?, over link: Link) -> Int {
        var connection = self.network[link]
        switch connection.phase {
        case .open:
            if let message { self.transmit(message, over: link, isThere: true) }
            return connection.number
        case .dialling(let messages):
            connection.phase = .dialling(messages + (message.map { [$0] } ?? []))
        case .closed:
            connection.number += 1
            connection.phase = .dialling(message.map { [$0] } ?? [])
            connection.arrivals = (self.now, self.now)
            connection.held = []
            connection.lastFrame = nil
            // TCP, then Noise and Yamux at once: one and a half round trips.
            let delay = self.network.delay(link.dialler, link.server, using: &self.random) * 3
            self.schedule(.dialled(link, connection: connection.number), in: delay)
        }
        self.network[link] = connection
        return connection.number
    }

    mutating func transmit(_ message: Message, over link: Link, isThere: Bool) {
        guard self.network.reach(link.dialler, link.server) else {
            self.network[link].held.append((isThere, message))
            return
        }
        let time = self.network.arrival(over: link, isThere: isThere, now: self.now, using: &self.random)
        let number = self.network[link].number
        self.queue.schedule(.arrived(link, connection: number, isThere: isThere, message), at: time)
    }

    mutating func dialled(_ link: Link, _ number: Int) {
        var connection = self.network[link]
        guard connection.number == number, case .dialling(let messages) = connection.phase else { return }
        let server = self.servers[link.server]
        guard self.network.reach(link.dialler, link.server), server?.pausedUntil == nil,
            !self.unpowered.contains(link.server)
        else { return self.schedule(.gaveUpDialling(link, connection: number), in: .seconds(8)) }
        guard let server, server.isRunning else { return self.gaveUpDialling(link, number) }
        connection.phase = .open
        connection.incarnation = server.incarnation
        connection.lastFrame = self.now
        self.network[link] = connection
        if let id = self.coordinators[link.dialler]?.id { self.servers[link.server]?.ledger.connected(id) }
        for message in messages { self.transmit(message, over: link, isThere: true) }
        self.reached(over: link, number, isOpen: true)
    }

    mutating func gaveUpDialling(_ link: Link, _ number: Int) {
        guard self.network[link].number == number, case .dialling = self.network[link].phase else { return }
        self.network[link].phase = .closed
        self.connectionLost(link, number)
    }

    mutating func arrived(_ link: Link, _ number: Int, isThere: Bool, _ message: Message, _ event: Event) {
        guard self.network[link].number == number, case .open = self.network[link].phase else { return }
        guard isThere else {
            guard self.coordinators[link.dialler]?.hasVanished != true else { return }
            self.network[link].lastFrame = self.now
            return self.diallerReceived(message, over: link)
        }
        guard let server = self.servers[link.server], !self.unpowered.contains(link.server) else { return }
        if let end = server.pausedUntil { return self.queue.schedule(event, at: end) }
        guard server.isRunning, server.incarnation == self.network[link].incarnation else { return self.breakOff(link) }
        self.serverReceived(message, over: link, number)
    }

    /// A connection ends; both sides hear of it, one after the other.
    mutating func breakOff(_ link: Link) {
        var connection = self.network[link]
        guard case .open = connection.phase else { return }
        connection.phase = .closed
        connection.held = []
        self.network[link] = connection
        let number = connection.number
        let delays = (0..<2).map { _ in self.network.delay(link.dialler, link.server, using: &self.random) }
        // Whoever is cut off hears nothing, and finds out in time.
        let isCutOff = !self.network.reach(link.dialler, link.server)
        self.schedule(.broke(link, connection: number, isThere: true), in: isCutOff ? unnoticed : delays[0])
        self.schedule(.broke(link, connection: number, isThere: false), in: isCutOff ? unnoticed : delays[1])
    }

    mutating func noticedBreak(of link: Link, _ number: Int, isThere: Bool) {
        guard isThere else { return self.connectionLost(link, number) }
        guard let id = self.coordinators[link.dialler]?.id, self.servers[link.server]?.isRunning == true else {
            return
        }
        // Another connection of the same peers may have opened meanwhile.
        if self.network[link].number == number { self.servers[link.server]?.ledger.disconnected(id, now: self.now) }
        self.servers[link.server]?.endStreams(over: link, upTo: number)
        self.serve(link.server) { server, now in
            server.abandon(now: now) { $0.link == link && $0.connection <= number }
        }
    }

    /// A coordinator has found no sign of life on a connection.
    mutating func fellSilent(_ link: Link, _ number: Int) {
        guard self.network[link].number == number, case .open = self.network[link].phase else { return }
        let isHeard = self.network[link].lastFrame.map { self.now - $0 < unnoticed } ?? false
        if !isHeard { self.breakOff(link) }
    }

    // MARK: Partitions

    mutating func part(_ peers: [Int], for duration: Duration) {
        let side = self.nextSide
        self.nextSide += 1
        for peer in peers {
            self.network.sides[peer] = side
            self.dht.place(peer, onSide: side)
        }
        self.schedule(.partitionLasts(side), in: unnoticed)
        self.schedule(.healed(side), in: duration)
    }

    /// What could not get through all the while is given up.
    mutating func partitionLasts(_ side: Int) {
        for link in self.links(where: { !self.network.reach($0.dialler, $0.server) }) {
            guard self.network.sides[link.dialler] == side || self.network.sides[link.server] == side else {
                continue
            }
            self.breakOff(link)
        }
    }

    mutating func heal(_ side: Int) {
        for peer in self.network.sides.indices where self.network.sides[peer] == side {
            self.network.sides[peer] = 0
            self.dht.place(peer, onSide: 0)
        }
        for link in self.links(where: { self.network.reach($0.dialler, $0.server) }) {
            let held = self.network[link].held
            guard !held.isEmpty else { continue }
            self.network[link].held = []
            // Sent again when TCP next tries.
            let pause = Duration.milliseconds(Int.random(in: 0...2000, using: &self.random))
            self.network[link].arrivals.there = max(self.network[link].arrivals.there, self.now + pause)
            self.network[link].arrivals.back = max(self.network[link].arrivals.back, self.now + pause)
            for (isThere, message) in held { self.transmit(message, over: link, isThere: isThere) }
        }
    }

    /// In a fixed order.
    func links(where isWanted: (Link) -> Bool) -> [Link] {
        self.network.connections.keys.filter(isWanted)
            .sorted { ($0.dialler, $0.server) < ($1.dialler, $1.server) }
    }
}
