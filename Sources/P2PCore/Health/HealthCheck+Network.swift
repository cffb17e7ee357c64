public import P2PWire

/// Judgements of what a network gives: each takes what was found and sends nothing.
extension HealthCheck {
    /// How the dial of one address that leads into the network went.
    public enum DialFinding: Sendable, Equatable {
        case answered(Multiaddr, PeerID, after: Duration)
        case failed(Multiaddr, String)
    }

    /// - Parameter areNamed: Whether the user named the peers; those that are only remembered may well be gone.
    public static func bootstrap(_ dials: [DialFinding], areNamed: Bool) -> HealthCheck {
        let name = "bootstrap"
        var answers: [String] = []
        var failures: [String] = []
        var seen: Set<PeerID> = []
        for dial in dials {
            switch dial {
            case .answered(_, let peer, let time):
                // One that was named by several addresses answers once.
                guard seen.insert(peer).inserted else { continue }
                answers.append("\(peer) in \(milliseconds(time))")
            case .failed(_, let reason): failures.append(reason)
            }
        }
        if answers.isEmpty {
            return HealthCheck(
                name,
                areNamed ? .failed : .warning,
                failures.isEmpty ? "no peer is known" : "nobody answers: \(failures.joined(separator: "; "))",
                advice: areNamed
                    ? "check that one is running there, and let its port in through its firewall"
                    : "name a peer with --bootstrap; the first node of a network has none"
            )
        }
        let found = "\(answers.count) of \(answers.count + failures.count) answer: \(answers.joined(separator: ", "))"
        guard areNamed, !failures.isEmpty else { return HealthCheck(name, .ok, found) }
        return HealthCheck(
            name,
            .warning,
            "\(found); not so: \(failures.joined(separator: "; "))",
            advice: "take those that do not answer out of --bootstrap or the settings"
        )
    }

    /// A search in the DHT for a random key.
    ///
    /// - Parameter peers: How many were found close to it; nil when there was nobody to ask.
    public static func search(peers: Int?, after duration: Duration, protocolPrefix: String) -> HealthCheck {
        let name = "dht"
        guard let peers else { return HealthCheck(name, .warning, "there is nobody to ask") }
        guard peers > 0 else {
            return HealthCheck(
                name,
                .failed,
                "peers answer, but none of them serves \(protocolPrefix)/kad/1.0.0",
                advice: "give the network's own --dht-prefix, or another --bootstrap"
            )
        }
        return HealthCheck(
            name,
            .ok,
            "a search of a random key found \(peers) \(peers == 1 ? "peer" : "peers") in \(milliseconds(duration))"
        )
    }

    /// What a peer found that was asked to dial back.
    public enum DialBackFinding: Sendable, Equatable {
        /// - Parameter isNear: Whether the peer is on this very machine, and so no witness of what lies beyond it.
        case tried(by: PeerID, DialBackResult, isNear: Bool)
        case failed(PeerID, String)
    }

    /// - Parameter port: Where the dials were expected.
    public static func reachability(_ findings: [DialBackFinding], port: UInt16) -> HealthCheck {
        let name = "reachability"
        let remedy =
            "let TCP port \(port) in through this machine's firewall and, to be reached from the internet, have the "
            + "router forward it here"
        var reached: [(Multiaddr, isNear: Bool)] = []
        var missed: [Multiaddr] = []
        for case .tried(_, let result, let isNear) in findings {
            switch result {
            case .reached(let address): reached.append((address, isNear))
            case .notReached(let address): missed.append(address)
            case .refused, .busy: break
            }
        }
        if let (address, _) = reached.first(where: { !$0.isNear }) {
            let count = reached.count { !$0.isNear }
            return HealthCheck(name, .ok, "\(count) of \(findings.count) peers asked dialled back, at \(address)")
        }
        if let (address, _) = reached.first {
            let finding = "a peer of this machine dialled back at \(address); no other machine could be asked"
            return HealthCheck(name, .warning, finding, advice: "ask again with a --bootstrap peer on another machine")
        }
        if !missed.isEmpty {
            let list = Set(missed.map { "\($0)" }).sorted().joined(separator: ", ")
            let finding = "\(missed.count) of \(findings.count) peers asked dialled \(list), and could not connect"
            return HealthCheck(name, .failed, finding, advice: remedy)
        }
        let reasons = findings.compactMap { if case .failed(_, let reason) = $0 { reason } else { nil } }
        let finding =
            findings.isEmpty
            ? "no peer is there that dials back (AutoNAT v2)"
            : "no peer would dial back" + (reasons.isEmpty ? "" : ": " + reasons.joined(separator: "; "))
        return HealthCheck(name, .warning, finding, advice: "to be found by others, \(remedy)")
    }

    /// Where this machine's own node says that it was dialled from.
    public static func reachability(ofServer origin: Reachability.Origin?, port: UInt16) -> HealthCheck {
        let name = "reachability"
        return switch origin {
        case .internet?: HealthCheck(name, .ok, "the running \"serve\" was dialled from the internet")
        case .site?:
            HealthCheck(
                name,
                .ok,
                "the running \"serve\" was dialled from another machine of its network, not from the internet"
            )
        case .nobody?:
            HealthCheck(
                name,
                .warning,
                "nobody has dialled the running \"serve\" from another machine yet",
                advice: "let TCP port \(port) in through this machine's firewall, and have the router forward it here"
            )
        case nil: HealthCheck(name, .warning, "the running \"serve\" does not say whether anybody has dialled it")
        }
    }

    /// - Parameter offsets: How much later than here it is at each peer, as far as peers tell.
    public static func clock(offsets: [Duration]) -> HealthCheck {
        let name = "clock"
        guard !offsets.isEmpty else { return HealthCheck(name, .ok, "no peer to compare with") }
        let median = offsets.sorted()[offsets.count / 2]
        let distance = max(median, .zero - median)
        let seconds = Int(distance / .seconds(1))
        let peers = offsets.count == 1 ? "one peer" : "\(offsets.count) peers"
        guard distance > Limits.clockTolerance else {
            return HealthCheck(name, .ok, "within \(max(seconds, 1)) s of \(peers)")
        }
        return HealthCheck(
            name,
            offsets.count == 1 ? .warning : .failed,
            "\(seconds) s \(median > .zero ? "behind" : "ahead of") \(peers)",
            advice: "set it (`timedatectl set-ntp true`): others refuse records that are 5 minutes off"
        )
    }

    private static func milliseconds(_ duration: Duration) -> String {
        let tenths = Int((duration / .milliseconds(1) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) ms"
    }
}
