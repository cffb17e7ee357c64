package import P2PWire

/// Within what something is counted. A stream counts for its protocol, its connection, its peer and the whole host at
/// once, and fits only where it fits into all of them.
package enum ResourceScope: Hashable, Sendable {
    /// The whole host.
    case system
    /// Connections that have yet to prove who they are.
    case transient
    /// The connections from neighbouring addresses, and how many those may be.
    case network(IPPrefix, limit: Int)
    case peer(PeerID)
    case connection(UInt64)
    case service(ProtocolID)
    /// One peer's share of a protocol.
    case share(ProtocolID, PeerID)
}

/// Something did not fit into a scope, or came too fast.
package struct ResourceRefusal: Error, Hashable, Sendable {
    package enum Cause: Hashable, Sendable {
        /// The scope holds as much as it may of that.
        case full(Resource, limit: Int)
        /// The next one may come after this time.
        case tooFast(Rate, wait: Duration)
    }

    package var scope: ResourceScope
    package var cause: Cause
}

extension P2PError {
    init(_ refusal: ResourceRefusal) {
        let scope = refusal.scope
        let message =
            switch refusal.cause {
            case .full(let resource, let limit): "\(scope.holder) \(limit) \(scope.noun(resource)), \(scope.advice)"
            case .tooFast(let rate, let wait):
                "\(scope.holder) more than \(rate.burst) new \(scope.noun(nil)) at once or \(rate.perSecond) a second; "
                    + "the next may come in \(wait.formatted)"
            }
        self.init(.limitReached, message)
    }
}

extension ResourceScope {
    /// The beginning of a sentence that goes on with a number.
    fileprivate var holder: String {
        switch self {
        case .system: "this host has"
        case .transient: "among the unauthenticated, this host has"
        case .network(let prefix, _): "\(prefix) has"
        case .peer(let peer): "\(peer) has"
        case .connection(let number): "connection \(number) has"
        case .service(let id): "\(id) has"
        case .share(let id, let peer): "\(id) has for \(peer)"
        }
    }

    fileprivate func noun(_ resource: Resource?) -> String {
        switch (resource, self) {
        case (.connections, _), (nil, .network): "connections"
        case (.streams, _), (nil, _): "streams"
        case (.memory, _): "bytes of memory"
        }
    }

    fileprivate var advice: String {
        switch self {
        case .system: "its limit; try again when some are over, or raise `limits.system`"
        case .transient: "the limit; they are over within seconds, try again then, or raise `limits.transient`"
        case .network: "the limit of one network; let others go first, or raise `limits.networks`"
        case .peer: "the limit of one peer; let others go first, or raise `limits.peer`"
        case .connection: "the limit of one connection; let others go first, or raise `limits.connection`"
        case .service: "all that it serves at once; try again later"
        case .share: "its share of what is served at once; let others go first"
        }
    }
}

extension Duration {
    /// To the tenth of a second, for people: "6.1 s".
    var formatted: String {
        let tenths = max(0, self / .milliseconds(100))
        return "\((tenths.rounded(.up)) / 10) s"
    }
}
