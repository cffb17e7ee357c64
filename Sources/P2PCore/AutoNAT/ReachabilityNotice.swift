public import P2PWire

/// What the owner of a host is to be told of its reachability, each thing once.
public struct ReachabilityNotice: Sendable {
    public enum Notice: Sendable, Equatable {
        /// It listens on loopback addresses only.
        case thisMachineOnly
        /// A good while has passed, and nobody has dialled it from another machine.
        case nobody(port: UInt16)
        /// Several peers have tried these addresses and failed.
        case unreachable([Multiaddr], port: UInt16)
        /// Somebody has dialled it from farther away than anybody before.
        case dialled(Reachability.Origin)

        /// What is known of who has dialled when this is said.
        public var dialledFrom: Reachability.Origin {
            switch self {
            case .thisMachineOnly, .nobody, .unreachable: .nobody
            case .dialled(let origin): origin
            }
        }
    }

    private let port: UInt16
    private let isLocal: Bool
    private var hasComplained = false
    private var told = Reachability.Origin.nobody

    /// - Parameter addresses: Where the host listens.
    public init(addresses: [Multiaddr]) {
        self.port = addresses.lazy.compactMap { $0.tcpEndpoint?.port }.first ?? 0
        self.isLocal = addresses.allSatisfy { $0.ipAddress?.scope == .loopback }
    }

    /// What is to be said now, if anything.
    ///
    /// - Parameter isLate: Whether the host has been there so long that somebody might have dialled it.
    public mutating func next(_ reachability: Reachability, isLate: Bool, now: ContinuousClock.Instant) -> Notice? {
        if reachability.dialledFrom > self.told {
            self.told = reachability.dialledFrom
            return .dialled(self.told)
        }
        guard self.told == .nobody, !self.hasComplained else { return nil }
        let complaint: Notice? =
            if self.isLocal {
                .thisMachineOnly
            } else if case .unreachable(let addresses) = reachability.verdict(now: now) {
                .unreachable(addresses, port: self.port)
            } else if isLate {
                .nobody(port: self.port)
            } else {
                nil
            }
        self.hasComplained = complaint != nil
        return complaint
    }
}
