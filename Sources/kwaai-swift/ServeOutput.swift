import Model
import P2PWire
import ShardProtocol

/// Says what `serve` does: addresses on stdout for people and scripts, progress on stderr; or JSON lines on stdout.
struct ServeOutput {
    private let json: Bool
    private let modelName: String
    private let blockCount: Int
    private let range: BlockRange
    private let flags: [String]

    /// - Parameter flags: what the commands of other machines must have too.
    init(json: Bool, model: ModelDirectory, range: BlockRange, flags: [String]) {
        self.flags = flags
        self.json = json
        self.modelName = model.name
        self.blockCount = model.configuration.blockCount
        self.range = range
    }

    private struct Event: Encodable {
        var event: String
        var peer: String?
        var addresses: [String]?
        var model: String?
        var blocks: String?
        var message: String?
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

    func online(addresses: [Multiaddr]) {
        let serving = "\(self.range.phrase(of: self.blockCount)) of \(self.modelName)"
        self.print(
            Event(
                event: "online",
                addresses: addresses.map { "\($0)" },
                model: self.modelName,
                blocks: "\(self.range)"
            ),
            text: ["Online with \(serving)."] + self.invitation(addresses)
        )
    }

    func draining() {
        self.print(Event(event: "draining"), text: ["Leaving: no new sessions, finishing the running ones."])
    }

    func warning(_ message: String) {
        Terminal.say("Warning: \(message)")
    }

    /// The command for the next machine, with the blocks that this one lacks.
    private func invitation(_ addresses: [Multiaddr]) -> [String] {
        guard let address = addresses.first(where: { !$0.isLoopback }) ?? addresses.first else { return [] }
        let next =
            self.range.upperBound < self.blockCount
            ? "\(self.range.upperBound)..\(self.blockCount)"
            : self.range.lowerBound > 0 ? "0..\(self.range.lowerBound)" : "\(self.range)"
        let common = (["--bootstrap", "\(address)"] + self.flags).joined(separator: " ")
        return [
            "Another machine joins with",
            "  kwaai-swift serve --blocks \(next) \(common)",
            "and generates with",
            "  kwaai-swift generate \"Once upon a time\" \(common)",
        ]
    }
}

extension Multiaddr {
    /// Whether only this machine can dial it.
    fileprivate var isLoopback: Bool {
        let text = "\(self)"
        return text.hasPrefix("/ip4/127.") || text.hasPrefix("/ip6/::1/")
    }
}
