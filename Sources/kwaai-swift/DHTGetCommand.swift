import ArgumentParser
import Foundation
import Kademlia
import P2PWire

struct DHTGetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Read a value that a peer has published.",
        discussion: """
            A key is /v/PEER/NAME, as "dht put" prints it, or /pk/PEER for the public key of a peer. A value is verified
            by the signature of the peer in its key. One that is no text is printed in base64.

            Examples:
              kwaai-swift dht get /v/12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC/motd
              kwaai-swift dht get /v/12D3KooW…/motd --json
            """
    )

    @Argument(help: "What to read.", transform: { try ValueKey($0) })
    var key: ValueKey

    @OptionGroup var network: NetworkOptions

    @OptionGroup var limit: TimeLimit

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let settings = try await Settings.load()
        let found = try await withInterruption {
            try await self.limit.limiting {
                try await withClient(self.network, settings: settings) { swarm in
                    try await self.key.read(from: swarm.dht)
                }
            }
        }
        guard let found else { throw NothingStored(key: self.key) }
        let text = String(validating: found.value, as: UTF8.self)
        let base64 = Data(found.value).base64EncodedString()
        if self.json {
            let report = Report(key: "\(self.key)", sequence: found.sequence, value: text, base64: base64)
            try Terminal.print(json: report)
        } else {
            try Terminal.print(text ?? base64)
        }
    }

    private struct Report: Encodable {
        var key: String
        /// Left out for public keys, which have none.
        var sequence: UInt64?
        /// Left out when the value is no text.
        var value: String?
        var base64: String

        enum CodingKeys: String, CodingKey {
            case key, sequence, value
            case base64 = "value_base64"
        }
    }
}

/// A key of the DHT as a person writes it.
enum ValueKey: CustomStringConvertible, Sendable {
    case published(PeerID, name: String)
    case publicKey(PeerID)

    init(_ text: String) throws {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        switch (parts.count, parts.first, parts.dropFirst().first) {
        case (4, "", "v"): self = .published(try PeerID(parts[2]), name: parts[3])
        case (3, "", "pk"): self = .publicKey(try PeerID(parts[2]))
        default: throw UsageError("\"\(text)\" is no key: write /v/PEER/NAME, or /pk/PEER")
        }
    }

    var description: String {
        switch self {
        case .published(let peer, let name): "/v/\(peer)/\(name)"
        case .publicKey(let peer): "/pk/\(peer)"
        }
    }

    func read(from dht: DHT) async throws -> (sequence: UInt64?, value: [UInt8])? {
        switch self {
        case .published(let peer, let name):
            return try await dht.published(by: peer, name: name).map { ($0.sequence, $0.value) }
        case .publicKey(let peer):
            return try await dht.get(Array("/pk/".utf8) + peer.bytes).map { (nil, $0) }
        }
    }
}

/// Nobody who was asked has it.
private struct NothingStored: Error, CustomStringConvertible {
    let key: ValueKey

    var description: String {
        "nobody has a value under \(self.key): it may have run out after 48 hours; its owner can put it again"
    }
}
