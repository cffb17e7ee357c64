/// Which addresses a host dials because somebody asked it to.
package struct DialBackPolicy: Hashable, Sendable {
    /// Families that this host itself can reach.
    package var families: Set<IPAddress.Family>
    /// Whether addresses of a site may be dialled that are not the asker's own: for private networks, and for tests.
    package var dialsSites: Bool

    package init(families: Set<IPAddress.Family>, dialsSites: Bool = false) {
        self.families = families
        self.dialsSites = dialsSites
    }

    /// What dialling an address would mean.
    package enum Decision: Hashable, Sendable {
        case refuse
        /// It is where the asker comes from: it can only harm itself.
        case dial
        /// It may be somebody else's: the asker is to send more than the dial costs (amplification guard).
        case dialAfterData
    }

    /// - Parameter observed: Where the asker comes from; nil when that is not known.
    package func decision(on address: Multiaddr, observed: IPAddress?) -> Decision {
        guard let endpoint = address.tcpEndpoint, endpoint.port > 0, let target = address.ipAddress,
            self.families.contains(target.family)
        else { return .refuse }
        switch target.scope {
        case .none: return .refuse
        // A stranger must not reach what trusts this machine or its cable; the machine itself, or a neighbour, may ask.
        case .loopback, .linkLocal: return target == observed ? .dial : .refuse
        case .site: return target == observed ? .dial : self.dialsSites ? .dialAfterData : .refuse
        case .global: return target == observed ? .dial : .dialAfterData
        }
    }
}
