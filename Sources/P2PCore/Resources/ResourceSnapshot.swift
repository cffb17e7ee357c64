public import P2PWire

/// What a host holds for others at one moment, scope by scope; for metrics and for people who look.
public struct ResourceSnapshot: Sendable, Hashable, Codable {
    public var limits: ResourceLimits
    public var system: ResourceUsage
    /// Connections that have yet to prove who they are, and dials.
    public var transient: ResourceUsage
    /// By network, as "203.0.113.9/32".
    public var networks: [String: ResourceUsage] = [:]
    /// By peer id. Peers that hold nothing are not in here.
    public var peers: [String: ResourceUsage] = [:]
    /// By protocol: the streams that are served.
    public var protocols: [String: ResourceUsage] = [:]
    /// How often something did not fit, by the scope that was full, since the host was made.
    public var refusals: [ResourceScopeKind: Int]

    public func usage(of peer: PeerID) -> ResourceUsage { self.peers[peer.description] ?? ResourceUsage() }
    public func usage(of protocolID: ProtocolID) -> ResourceUsage { self.protocols[protocolID.name] ?? ResourceUsage() }
}

/// The kinds of scopes, as metrics name them.
public enum ResourceScopeKind: String, Sendable, Codable, CodingKeyRepresentable {
    case system, transient, network, peer, connection
    /// A protocol, and one peer's share of it.
    case service = "protocol"
    case share = "protocol_peer"
}

extension ResourceScope {
    var kind: ResourceScopeKind {
        switch self {
        case .system: .system
        case .transient: .transient
        case .network: .network
        case .peer: .peer
        case .connection: .connection
        case .service: .service
        case .share: .share
        }
    }
}

extension ResourceLedger {
    var snapshot: ResourceSnapshot {
        var snapshot = ResourceSnapshot(
            limits: self.limits,
            system: self.usage(of: .system),
            transient: self.usage(of: .transient),
            refusals: self.refusals
        )
        for scope in self.scopes {
            switch scope {
            case .network(let prefix, _): snapshot.networks[prefix.description] = self.usage(of: scope)
            case .peer(let peer): snapshot.peers[peer.description] = self.usage(of: scope)
            case .service(let id): snapshot.protocols[id.name] = self.usage(of: scope)
            case .system, .transient, .connection, .share: break
            }
        }
        return snapshot
    }
}

extension Host {
    /// What others hold of this host now.
    public var resources: ResourceSnapshot { self.book.update { $0.snapshot } }
}
