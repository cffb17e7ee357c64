import P2PWire

/// What a host knows of its connections and protocols; a value, guarded by the host's lock and never on the data path.
struct HostState {
    enum Phase {
        case made
        case started
        case closed
    }

    var phase = Phase.made
    var listenAddresses: [Multiaddr] = []
    var handlers: [ProtocolID: ProtocolHandler] = [:]
    var pendingInbound = 0
    /// A push of Identify is about to go out.
    var isAnnouncing = false
    var dials: [PeerID: PendingDial] = [:]
    var subscribers = Subscribers()
    private(set) var connections: [PeerID: [Connection]] = [:]
    private(set) var connectionCount = 0
    private var identifications: [PeerID: Identification] = [:]

    /// - Returns: whether it is the peer's first connection.
    mutating func add(_ connection: Connection) -> Bool {
        self.connectionCount += 1
        self.connections[connection.peer, default: []].append(connection)
        return self.connections[connection.peer]?.count == 1
    }

    /// - Returns: whether it was the peer's last connection; what it told of itself is then forgotten.
    mutating func remove(_ connection: Connection) -> Bool {
        guard var remaining = self.connections[connection.peer],
            let index = remaining.firstIndex(where: { $0 === connection })
        else { return false }
        remaining.remove(at: index)
        self.connectionCount -= 1
        self.connections[connection.peer] = remaining.isEmpty ? nil : remaining
        if remaining.isEmpty { self.identifications[connection.peer] = nil }
        return remaining.isEmpty
    }

    /// The connection for a new stream: the oldest that has answered within five seconds, else the one heard of last.
    ///
    /// After a simultaneous dial both sides keep both connections, so neither closes one that carries streams.
    func connection(to peer: PeerID) -> Connection? {
        let usable = (self.connections[peer] ?? []).filter(\.isUsable)
        return usable.first { $0.lastFrameAge < .seconds(5) } ?? usable.min { $0.lastFrameAge < $1.lastFrameAge }
    }

    func identification(of peer: PeerID) -> Identification? { self.identifications[peer] }

    /// - Returns: whether the peer is still connected, so that the identification was kept.
    mutating func store(_ identification: Identification, of peer: PeerID) -> Bool {
        guard self.connections[peer] != nil else { return false }
        self.identifications[peer] = identification
        return true
    }
}
