package import NIOCore
package import P2PWire

/// What a host holds for others, scope by scope, and whether more fits: a value without clock, lock or socket.
///
/// A claim takes from all of its scopes or from none. Entries exist only for scopes that hold something, so the ledger is
/// bounded by what it bounds. The scopes are those of go-libp2p's resource manager, with networks among them.
package struct ResourceLedger: Sendable {
    /// What was taken, and from where. ``Reservation`` gives it back, once.
    package struct Claim: Equatable, Sendable {
        package fileprivate(set) var direction: Direction
        package fileprivate(set) var amount: ResourceAmount
        package fileprivate(set) var scopes: [ResourceScope]
    }

    /// How many streams of a protocol are served at once, and to one peer.
    private struct Service: Sendable {
        var limit: Int
        var limitPerPeer: Int
    }

    package let limits: ResourceLimits
    private var usage: [ResourceScope: ResourceUsage] = [:]
    private var services: [ProtocolID: Service] = [:]
    /// How often something did not fit.
    package private(set) var refusals: [ResourceScopeKind: Int] = [:]
    private var neighbourhoods: Set<IPPrefix> = []
    private var newConnections = TokenBuckets<IPPrefix>(capacity: Limits.ratedNetworks)
    private var newStreams = TokenBuckets<PeerID>(capacity: Limits.ratedPeers)

    package init(limits: ResourceLimits) {
        self.limits = limits
    }

    /// From now on, at most that many inbound streams of a protocol.
    package mutating func setLimits(of service: ProtocolID, streams: Int, perPeer: Int) {
        self.services[service] = Service(limit: streams, limitPerPeer: perPeer)
    }

    /// From now on, this host has these addresses.
    package mutating func setOwnAddresses(_ addresses: [IPAddress]) {
        self.neighbourhoods = Set(addresses.map(Self.neighbourhood))
    }

    /// Whether an address is of this host's own network.
    private func isNear(_ address: IPAddress) -> Bool {
        address.isPrivate || self.neighbourhoods.contains(Self.neighbourhood(of: address))
    }

    /// A link of IPv6 has a /64, all machines of a home in one; a public IPv4 address stands for itself.
    private static func neighbourhood(of address: IPAddress) -> IPPrefix {
        address.prefix(address.family == .v6 ? 64 : 32)
    }

    // MARK: Connections

    /// Somebody connects from an address; nil for one that is unknown. Who it is will be seen.
    package mutating func accept(
        from address: IPAddress?,
        at now: NIODeadline
    ) throws(ResourceRefusal) -> Claim {
        let groups = address.map { self.limits.networks.groups(of: $0, isNear: self.isNear($0)) } ?? []
        let networks = groups.map { ResourceScope.network($0.prefix, limit: $0.bound.connections) }
        let scopes = [.system, .transient] + networks
        let claim = try self.reserve(Self.connection, .inbound, in: scopes)
        do throws(ResourceRefusal) {
            for (scope, group) in zip(networks, groups) {
                let rate = group.bound.rate
                guard let wait = self.newConnections.take(group.prefix, rate, at: now) else { continue }
                throw self.refuse(scope, .tooFast(rate, wait: wait))
            }
        } catch {
            self.giveBack(claim)
            throw error
        }
        return claim
    }

    /// This host dials somebody.
    package mutating func dial() throws(ResourceRefusal) -> Claim {
        try self.reserve(Self.connection, .outbound, in: [.system, .transient])
    }

    /// Whoever is behind a connection has proven who it is.
    package mutating func authenticate(
        _ claim: inout Claim,
        as peer: PeerID,
        connection: UInt64
    ) throws(ResourceRefusal) {
        let owner = try self.reserve(claim.amount, claim.direction, in: [.peer(peer), .connection(connection)])
        self.subtract(claim.amount, claim.direction, from: .transient)
        claim.scopes = claim.scopes.filter { $0 != .transient } + owner.scopes
    }

    /// A connection is closed; what waits to be read from it keeps its memory.
    package mutating func close(_ claim: inout Claim) {
        let rest = ResourceAmount(memory: claim.amount.memory)
        for scope in claim.scopes { self.subtract(claim.amount - rest, claim.direction, from: scope) }
        claim.amount = rest
    }

    // MARK: Memory

    /// Makes a claim hold `byteCount` bytes, more than before or less.
    ///
    /// - Parameter isOptional: It would be faster with them, and goes on without. Such bytes take half of what a scope
    ///   may hold at most, so that they never stand in the way of what cannot go on.
    package mutating func resize(
        _ claim: inout Claim,
        toBytes byteCount: Int,
        isOptional: Bool = false
    ) throws(ResourceRefusal) {
        let difference = ResourceAmount(memory: byteCount - claim.amount.memory)
        if difference.memory > 0 {
            _ = try self.reserve(difference, claim.direction, in: claim.scopes, isOptional: isOptional)
        } else {
            for scope in claim.scopes { self.subtract(.none - difference, claim.direction, from: scope) }
        }
        claim.amount.memory = byteCount
    }

    /// A message is about to be read from a peer, over a connection that was begun by `direction`.
    package mutating func readMessage(
        ofBytes byteCount: Int,
        from peer: PeerID,
        connection: UInt64,
        _ direction: Direction
    ) throws(ResourceRefusal) -> Claim {
        let scopes: [ResourceScope] = [.connection(connection), .peer(peer), .system]
        return try self.reserve(ResourceAmount(memory: byteCount), direction, in: scopes)
    }

    // MARK: Streams

    /// A peer has opened a stream and both sides agree on its protocol.
    package mutating func serve(
        _ service: ProtocolID,
        to peer: PeerID,
        connection: UInt64,
        at now: NIODeadline
    ) throws(ResourceRefusal) -> Claim {
        let scopes: [ResourceScope] = [
            .share(service, peer), .service(service), .connection(connection), .peer(peer), .system,
        ]
        if let wait = self.newStreams.take(peer, self.limits.newStreams, at: now) {
            throw self.refuse(.peer(peer), .tooFast(self.limits.newStreams, wait: wait))
        }
        return try self.reserve(Self.stream, .inbound, in: scopes)
    }

    /// This host opens a stream.
    package mutating func open(to peer: PeerID, connection: UInt64) throws(ResourceRefusal) -> Claim {
        try self.reserve(Self.stream, .outbound, in: [.connection(connection), .peer(peer), .system])
    }

    // MARK: The books

    package func usage(of scope: ResourceScope) -> ResourceUsage { self.usage[scope] ?? ResourceUsage() }

    /// The scopes that hold something.
    package var scopes: [ResourceScope] { Array(self.usage.keys) }

    package mutating func giveBack(_ claim: Claim) {
        for scope in claim.scopes { self.subtract(claim.amount, claim.direction, from: scope) }
    }

    private static let connection = ResourceAmount(connections: 1, memory: Limits.connectionMemory)
    private static let stream = ResourceAmount(streams: 1)

    private mutating func reserve(
        _ amount: ResourceAmount,
        _ direction: Direction,
        in scopes: [ResourceScope],
        isOptional: Bool = false
    ) throws(ResourceRefusal) -> Claim {
        for (index, scope) in scopes.enumerated() {
            let bound = isOptional ? self.bound(of: scope).halvingMemory : self.bound(of: scope)
            guard let (resource, limit) = self.add(amount, direction, to: scope, bound) else { continue }
            for taken in scopes[...index] { self.subtract(amount, direction, from: taken) }
            if isOptional { throw ResourceRefusal(scope: scope, cause: .full(resource, limit: limit)) }
            throw self.refuse(scope, .full(resource, limit: limit))
        }
        return Claim(direction: direction, amount: amount, scopes: scopes)
    }

    private mutating func refuse(_ scope: ResourceScope, _ cause: ResourceRefusal.Cause) -> ResourceRefusal {
        self.refusals[scope.kind, default: 0] += 1
        return ResourceRefusal(scope: scope, cause: cause)
    }

    /// Adds, and says what is too much then.
    private mutating func add(
        _ amount: ResourceAmount,
        _ direction: Direction,
        to scope: ResourceScope,
        _ bound: ResourceBound
    ) -> (resource: Resource, limit: Int)? {
        func add(to usage: inout ResourceUsage) -> (resource: Resource, limit: Int)? {
            usage[direction] = usage[direction] + amount
            if case .inbound = direction, let excess = usage.inbound.exceeds(bound.inbound) { return excess }
            return usage.total.exceeds(bound.total)
        }
        return add(to: &self.usage[scope, default: ResourceUsage()])
    }

    private mutating func subtract(_ amount: ResourceAmount, _ direction: Direction, from scope: ResourceScope) {
        func subtract(from usage: inout ResourceUsage?) {
            guard var rest = usage else { return }
            rest[direction] = rest[direction] - amount
            usage = rest == ResourceUsage() ? nil : rest
        }
        subtract(from: &self.usage[scope])
    }

    private func bound(of scope: ResourceScope) -> ResourceBound {
        switch scope {
        case .system: return self.limits.system
        case .transient: return self.limits.transient
        case .network(_, let limit):
            return ResourceBound(inbound: ResourceAmount(connections: limit, streams: .max, memory: .max))
        case .peer: return self.limits.peer
        case .connection: return self.limits.connection
        case .service(let id): return Self.streams(self.services[id]?.limit ?? 0)
        case .share(let id, _): return Self.streams(self.services[id]?.limitPerPeer ?? 0)
        }
    }

    private static func streams(_ limit: Int) -> ResourceBound {
        ResourceBound(inbound: ResourceAmount(connections: .max, streams: limit, memory: .max))
    }
}
