import Model
import P2PCore
import P2PWire
import ShardProtocol

/// Says what `serve` does: addresses on stdout for people and scripts, progress on stderr; or JSON lines on stdout.
struct ServeOutput {
    private let json: Bool
    private let modelName: String
    private let blockCount: Int
    private let flags: [String]

    /// - Parameter flags: what the commands of other machines must have too.
    init(json: Bool, model: ModelDirectory, flags: [String]) {
        self.flags = flags
        self.json = json
        self.modelName = model.name
        self.blockCount = model.configuration.blockCount
    }

    private struct Event: Encodable {
        var event: String
        var peer: String?
        var addresses: [String]?
        var model: String?
        var blocks: String?
        var dialledFrom: String?
        var message: String?
        var port: Int?

        enum CodingKeys: String, CodingKey {
            case event, peer, addresses, model, blocks, message, port
            case dialledFrom = "dialled_from"
        }
    }

    private func print(_ event: Event, text: [String]) {
        if self.json {
            // Serving goes on when nobody reads along.
            try? Terminal.print(json: event)
        } else {
            try? Terminal.print(text.joined(separator: "\n"))
        }
    }

    /// - Parameter addresses: `/p2p/` included.
    func listening(peer: PeerID, addresses: [Multiaddr]) {
        self.print(
            Event(event: "listening", peer: "\(peer)", addresses: addresses.map { "\($0)" }),
            text: ["This peer can be dialled at"] + addresses.map { "  \($0)" }
        )
    }

    /// A server with `--blocks auto` has chosen.
    func chose(_ range: BlockRange) {
        self.print(
            Event(event: "chose", model: self.modelName, blocks: "\(range)"),
            text: ["Chose \(range.phrase(of: self.blockCount)) of \(self.modelName): the swarm needs them most."]
        )
    }

    func moving(from range: BlockRange, to target: BlockRange) {
        let (old, new) = (range.phrase(of: self.blockCount), target.phrase(of: self.blockCount))
        self.print(
            Event(event: "moving", model: self.modelName, blocks: "\(target)"),
            text: ["Moving to \(new): the swarm needs them more than \(old), which others serve too."]
        )
    }

    func online(with range: BlockRange, addresses: [Multiaddr]) {
        let serving = "\(range.phrase(of: self.blockCount)) of \(self.modelName)"
        self.print(
            Event(
                event: "online",
                addresses: addresses.map { "\($0)" },
                model: self.modelName,
                blocks: "\(range)"
            ),
            text: ["Online with \(serving)."] + self.invitation(range, addresses)
        )
    }

    func reachability(_ notice: ReachabilityNotice.Notice) {
        if self.json {
            self.print(
                Event(event: "reachability", dialledFrom: notice.dialledFrom.rawValue, message: notice.text),
                text: []
            )
        } else {
            Terminal.say(notice.text)
        }
    }

    func numbers(port: Int) {
        self.print(
            Event(event: "metrics", port: port),
            text: ["Numbers for Prometheus are at http://127.0.0.1:\(port)/metrics"]
        )
    }

    func draining() {
        self.print(Event(event: "draining"), text: ["Leaving: no new sessions, finishing the running ones."])
    }

    func warning(_ message: String) {
        Terminal.say("Warning: \(message)")
    }

    /// The command for the next machine, with the blocks that this one lacks.
    private func invitation(_ range: BlockRange, _ addresses: [Multiaddr]) -> [String] {
        guard let address = addresses.first(where: { !$0.isLoopback }) ?? addresses.first else { return [] }
        let next =
            range.upperBound < self.blockCount
            ? "\(range.upperBound)..\(self.blockCount)"
            : range.lowerBound > 0 ? "0..\(range.lowerBound)" : "\(range)"
        let common = (["--bootstrap", "\(address)"] + self.flags).joined(separator: " ")
        return [
            "Another machine joins with",
            "  kwaai-swift serve --blocks \(next) \(common)",
            "and generates with",
            "  kwaai-swift generate \"Once upon a time\" \(common)",
        ]
    }
}

extension ReachabilityNotice.Notice {
    fileprivate var text: String {
        switch self {
        case .thisMachineOnly:
            "No other machine can dial this node: it listens on this machine alone. Leave --listen out to serve others."
        case .nobody(let port):
            "Nobody has dialled this node from another machine yet. " + Self.remedy(port)
        case .unreachable(let addresses, let port):
            "Peers tried to dial this node at \(addresses.map { "\($0)" }.joined(separator: ", ")), and could not. "
                + Self.remedy(port)
        case .dialled(.internet):
            "Somebody has dialled this node from the internet: others can use it."
        case .dialled:
            "A machine of the same network has dialled this node: others there can use it."
        }
    }

    private static func remedy(_ port: UInt16) -> String {
        "Others need TCP port \(port): let it in through this machine's firewall and, to be reached from the internet, have "
            + "the router forward it here. Until then only peers that this node dials itself can use it."
    }
}

extension Multiaddr {
    /// Whether only this machine can dial it.
    fileprivate var isLoopback: Bool {
        let text = "\(self)"
        return text.hasPrefix("/ip4/127.") || text.hasPrefix("/ip6/::1/")
    }
}
