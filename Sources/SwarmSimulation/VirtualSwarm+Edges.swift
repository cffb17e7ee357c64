internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

typealias DialID = UInt64

/// A hop that was asked to push to another one reaches for it: what `PushDesk.edge` waits for.
struct PushDial: Sendable {
    let key: SessionKey
    let opening: OpeningID
    /// Over which it was asked.
    let link: Link
    let connection: Int
    /// To the other hop.
    let way: Link
    let wayNumber: Int
    let target: SimulatedTarget

    var edge: SimulatedServer.Edge {
        SimulatedServer.Edge(
            link: self.way,
            connection: self.wayNumber,
            target: self.target,
            opening: self.opening
        )
    }
}

/// Ways from hop to hop, as servers see them.
extension VirtualSwarm {
    /// How long a hop tries to reach another one.
    private static let dialTime = Duration.seconds(5)

    /// The coordinator says from whom a session's steps come, or to whom they go on.
    mutating func opens(_ message: OpenMessage, of coordinator: PeerID, over link: Link, _ connection: Int) {
        guard let server = self.servers[link.server], server.isRunning, server.properties.lie != .silence else {
            return
        }
        let key = SessionKey(peer: coordinator, session: message.session)
        self.servers[link.server]?.use(key, over: link, connection)
        switch message.change {
        case .from(let peer):
            self.servers[link.server]?.streams[key]?.predecessor = peer
            self.transmit(.opened(message.id, isOpen: true), over: link, isThere: false)
        case .to(let target):
            let way = Link(dialler: link.server, server: target.server)
            let dial = self.nextDial
            self.nextDial += 1
            self.dials[dial] = PushDial(
                key: key,
                opening: message.id,
                link: link,
                connection: connection,
                way: way,
                wayNumber: self.send(nil, over: way),
                target: target
            )
            // Protocols are agreed on lazily: over a connection that is there, a stream is there at once.
            if case .open = self.network[way].phase { return self.dialEnded(dial, isOpen: true) }
            self.schedule(.dialEnds(dial, isOpen: false), in: Self.dialTime)
        }
    }

    /// A connection from a server to another one is open, or will not be.
    mutating func reached(over way: Link, _ number: Int, isOpen: Bool) {
        let dials = self.dials.filter { $0.value.way == way && $0.value.wayNumber == number }
        for id in dials.keys.sorted() { self.dialEnded(id, isOpen: isOpen) }
    }

    mutating func dialEnded(_ id: DialID, isOpen: Bool) {
        guard let dial = self.dials[id] else { return }
        if let end = self.servers[dial.link.server]?.pausedUntil {
            return self.queue.schedule(.dialEnds(id, isOpen: isOpen), at: end)
        }
        self.dials[id] = nil
        // What the coordinator opened may be over by now.
        guard let stream = self.servers[dial.link.server]?.streams[dial.key], stream.connection == dial.connection
        else {
            return
        }
        self.servers[dial.link.server]?.streams[dial.key]?.edge =
            isOpen ? dial.edge : nil
        guard self.network[dial.link].number == dial.connection, case .open = self.network[dial.link].phase else {
            return
        }
        self.transmit(.opened(dial.opening, isOpen: isOpen), over: dial.link, isThere: false)
    }

    /// Something came back over a connection.
    mutating func diallerReceived(_ message: Message, over link: Link) {
        if self.servers[link.dialler] != nil {
            guard case .refusedPush(let key) = message else { return }
            self.report.refusedPushes += 1
            self.say("server \(link.server) takes no pushes from \(link.dialler) for \(key.session.rawValue)")
            return self.serve(link.dialler) { server, _ in
                server.endEdges { $0.peer == key.peer && $1.link == link && $1.target.session == key.session }
            }
        }
        guard self.coordinators[link.dialler]?.hasVanished == false else { return }
        switch message {
        case .answer(let answer): self.received(answer, over: link)
        case .opened(let id, let isOpen): self.opened(id, isOpen: isOpen)
        case .step, .open, .push, .refusedPush, .close, .endStream, .cancel, .ping, .pong: break
        }
    }

    /// A connection is gone, and its dialler knows.
    mutating func connectionLost(_ link: Link, _ number: Int) {
        if self.servers[link.dialler] != nil {
            self.reached(over: link, number, isOpen: false)
            self.serve(link.dialler) { server, _ in
                server.endEdges { $1.link == link && $1.connection <= number }
            }
        } else {
            self.stepsLost(over: link, number)
            self.pushesLost(over: link, number)
        }
    }

    /// A machine went off without a word. What it dialled is forgotten; who had dialled it finds out, those that wait for
    /// nothing as well.
    mutating func losePower(_ number: Int) {
        for link in self.links(where: { $0.dialler == number }) {
            self.network[link].phase = .closed
            self.network[link].held = []
        }
        for link in self.links(where: { $0.server == number && self.servers[$0.dialler] != nil }) {
            let connection = self.network[link].number
            self.schedule(.fellSilent(link, connection: connection), in: .seconds(15))
        }
    }
}
