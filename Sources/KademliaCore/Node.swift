package import NIOCore
package import P2PWire

/// What a server-mode node knows, and how it answers others: the whole server side as a value.
///
/// The actor `DHT` keeps one and feeds it the requests that its streams bring; the simulation keeps ten thousand.
package struct Node: Sendable {
    package let id: PeerID
    /// Where others can reach this node, for answers that name it.
    package var addresses: [Multiaddr]
    package var table: RoutingTable
    package var providers: ProviderStore
    package var records: RecordStore
    package var limiter = RequestLimiter()
    private let times: Times

    /// How long records of others are kept.
    package struct Times: Sendable {
        /// From the DHT specification: 48 h in public networks; DESIGN.md §4 has 30 minutes.
        package var providerExpiry = TimeAmount.minutes(30)
        package var recordExpiry = TimeAmount.hours(48)

        package init() {}
    }

    package init(
        id: PeerID,
        addresses: [Multiaddr] = [],
        diversity: Diversity? = Diversity(),
        times: Times = Times(),
        now: NIODeadline
    ) {
        self.id = id
        self.addresses = addresses
        self.table = RoutingTable(owner: KademliaKey(id), diversity: diversity, now: now)
        self.providers = ProviderStore(owner: id)
        self.records = RecordStore(owner: id)
        self.times = times
    }

    package enum Reply: Equatable, Sendable {
        case answer(Message)
        /// ADD_PROVIDER has no answer.
        case silence
        /// The request is refused: reset its stream, keep the connection.
        case reset(KademliaError)
    }

    /// A request of `sender` has arrived.
    ///
    /// - Parameter target: What is known of the peer that a FIND_NODE asks for, from outside the table: a client that is
    ///   connected to us can be found too.
    package mutating func received(
        _ request: Message,
        from sender: PeerID,
        target: PeerInfo? = nil,
        now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> Reply {
        do throws(KademliaError) {
            guard self.limiter.admits(request.kind, from: sender, now: now) else {
                throw KademliaError(.tooManyRequests, "the peer asks too often; more is answered in a while")
            }
            switch request.kind {
            case .findNode:
                return .answer(try self.findNode(request, from: sender, target: target))
            case .getProviders:
                try self.check(multihash: request.key)
                var answer = try self.answer(to: request, from: sender)
                answer.providerPeers = self.providers.providers(of: request.key, now: now, using: &generator)
                return .answer(answer)
            case .addProvider:
                try self.addProvider(request, from: sender, now: now)
                return .silence
            case .getValue:
                var answer = try self.answer(to: request, from: sender)
                answer.record = self.records.record(for: request.key, now: now)
                return .answer(answer)
            case .putValue:
                return .answer(try self.putValue(request, now: now))
            case .ping:
                return .answer(Message(.ping))
            }
        } catch {
            return .reset(error)
        }
    }

    // MARK: One method for each kind

    /// The closest peers, ourselves among them when we are asked for: go-libp2p tests a peer that way before it takes
    /// it into its table.
    private func findNode(_ request: Message, from sender: PeerID, target: PeerInfo?) throws(KademliaError) -> Message {
        var answer = try self.answer(to: request, from: sender)
        if request.key == self.id.bytes {
            answer.closerPeers.insert(PeerInfo(id: self.id, addresses: self.addresses), at: 0)
        } else if let target, target.id.bytes == request.key, !target.addresses.isEmpty,
            !answer.closerPeers.contains(where: { $0.id == target.id })
        {
            answer.closerPeers.insert(target, at: 0)
        }
        answer.closerPeers = Array(answer.closerPeers.prefix(Limits.bucketSize))
        return answer
    }

    /// A peer can only announce itself.
    private mutating func addProvider(_ request: Message, from sender: PeerID, now: NIODeadline) throws(KademliaError) {
        try self.check(multihash: request.key)
        guard let provider = request.providerPeers.first(where: { $0.id == sender && !$0.addresses.isEmpty }) else {
            throw KademliaError(.malformedMessage, "no provider with the sender's own id and an address")
        }
        try self.providers.add(provider, for: request.key, expiry: now + self.times.providerExpiry)
    }

    private mutating func putValue(_ request: Message, now: NIODeadline) throws(KademliaError) -> Message {
        guard let record = request.record, record.key == request.key else {
            throw KademliaError(.malformedMessage, "a PUT_VALUE carries a record with the message's key")
        }
        try self.records.put(record, expiry: now + self.times.recordExpiry)
        return Message(.putValue, key: record.key, record: record)
    }

    /// An answer of the same kind and key, with the closest peers but the one that asks.
    private func answer(to request: Message, from sender: PeerID) throws(KademliaError) -> Message {
        guard !request.key.isEmpty else {
            throw KademliaError(.malformedMessage, "the request names no key")
        }
        let closer = self.table.closest(to: KademliaKey(hashing: request.key)) { $0 != sender }
        return Message(request.kind, key: request.key, closerPeers: closer)
    }

    private func check(multihash key: [UInt8]) throws(KademliaError) {
        guard !key.isEmpty, key.count <= Limits.providerKeySize else {
            throw KademliaError(.tooLarge, "the key of a provider record has 1 to \(Limits.providerKeySize) bytes")
        }
    }

    // MARK: Upkeep

    package mutating func expire(now: NIODeadline) {
        self.providers.expire(now: now)
        self.records.expire(now: now)
        self.limiter.expire(now: now)
    }
}
