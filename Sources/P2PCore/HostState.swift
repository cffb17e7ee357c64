import NIOCore
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
    /// Where others have reached the host though it is not bound there: at a router that forwards to it.
    var externalAddresses: [Multiaddr] = []
    var handlers: [ProtocolID: ProtocolHandler] = [:]
    /// Peers whose connections are not given up for room, each with the tags of who needs it.
    var protections: [PeerID: Set<String>] = [:]
    /// When idle connections may be given up for room again.
    var nextTrimming = NIODeadline.distantPast
    /// A push of Identify is about to go out.
    var isAnnouncing = false
    var dials: [PeerID: PendingDial] = [:]
    private(set) var connections: [PeerID: [Connection]] = [:]
    private var identifications: [PeerID: Identification] = [:]
    /// What has happened and was not told yet.
    private var untold: [HostEvent] = []

    mutating func add(_ connection: Connection) {
        self.connections[connection.peer, default: []].append(connection)
        if self.connections[connection.peer]?.count == 1 { self.untold.append(.connected(connection.peer)) }
    }

    /// What a peer told of itself is forgotten with its last connection.
    mutating func remove(_ connection: Connection) {
        guard var remaining = self.connections[connection.peer],
            let index = remaining.firstIndex(where: { $0 === connection })
        else { return }
        remaining.remove(at: index)
        self.connections[connection.peer] = remaining.isEmpty ? nil : remaining
        guard remaining.isEmpty else { return }
        self.identifications[connection.peer] = nil
        self.untold.append(.disconnected(connection.peer))
    }

    /// The connection for a new stream: the oldest that has answered within five seconds, else the one heard of last.
    ///
    /// After a simultaneous dial both sides keep both connections, so neither closes one that carries streams.
    func connection(to peer: PeerID) -> Connection? {
        let usable = (self.connections[peer] ?? []).filter(\.isUsable)
        return usable.first { $0.lastFrameAge < .seconds(5) } ?? usable.min { $0.lastFrameAge < $1.lastFrameAge }
    }

    func identification(of peer: PeerID) -> Identification? { self.identifications[peer] }

    /// Keeps what a peer told of itself, if it is still connected.
    mutating func store(_ identification: Identification, of peer: PeerID) {
        guard self.connections[peer] != nil else { return }
        self.identifications[peer] = identification
        self.untold.append(.identified(peer))
    }

    /// The events that subscribers are to be told now, in the order in which they happened.
    mutating func takeEvents() -> [HostEvent] {
        defer { self.untold = [] }
        return self.untold
    }
}
