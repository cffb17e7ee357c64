import ArgumentParser
import Foundation
import Kademlia
import P2PCore

struct DHTPutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Publish a value under a name of your own.",
        discussion: """
            Prints the key under which others read the value: /v/YOUR-PEER-ID/NAME. The value is signed by this peer's
            identity and kept for 48 hours by the peers closest to its key. Only the same --identity can replace it.

            Examples:
              kwaai-swift dht put motd "back at noon" --identity ./me.key
              kwaai-swift dht put --identity ./me.key config - < settings.json
            """
    )

    @Argument(help: "1 to 64 of the characters A-Z a-z 0-9 . _ -")
    var name: String

    @Argument(help: ArgumentHelp("The text to publish, or - for what stands on stdin.", valueName: "value|-"))
    var value: String

    @Option(
        help: ArgumentHelp(
            "The number that orders values under one name; by default the seconds since 1970, or one more than that of "
                + "the value it replaces.",
            valueName: "number"
        )
    )
    var sequence: UInt64?

    @OptionGroup var network: NetworkOptions

    @OptionGroup var limit: TimeLimit

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let settings = try await Settings.load()
        let value = try self.bytes()
        if self.network.identity == nil, settings.string(.identity) == nil {
            Terminal.say(
                "Signing with an identity that ends with this command; with --identity FILE it can be replaced."
            )
        }
        let report = try await withInterruption {
            try await self.limit.limiting {
                try await withClient(self.network, settings: settings) { swarm in
                    let sequence = try await self.sequence(swarm)
                    let count = try await swarm.dht.publish(value, name: self.name, sequence: sequence)
                    let key = ValueKey.published(swarm.host.peerID, name: self.name)
                    return Report(key: "\(key)", sequence: sequence, holderCount: count)
                }
            }
        }
        Terminal.say("Stored by \(report.holderCount) \(report.holderCount == 1 ? "peer" : "peers")")
        if self.json {
            try Terminal.print(json: report)
        } else {
            try Terminal.print(report.key)
        }
    }

    private func bytes() throws -> [UInt8] {
        guard self.value == "-" else { return Array(self.value.utf8) }
        // More than that is refused later on, by its size.
        return Array(try FileHandle.standardInput.read(upToCount: Self.inputBytes) ?? Data())
    }

    /// What is read of stdin: beyond what any value may have.
    private static let inputBytes = 1 << 16

    private func sequence(_ swarm: Swarm) async throws -> UInt64 {
        if let sequence = self.sequence { return sequence }
        let now = UInt64(max(0, Date().timeIntervalSince1970))
        guard let old = try await swarm.dht.published(by: swarm.host.peerID, name: self.name)?.sequence else {
            return now
        }
        return old == .max ? .max : max(now, old + 1)
    }

    private struct Report: Encodable {
        var key: String
        var sequence: UInt64
        var holderCount: Int

        enum CodingKeys: String, CodingKey {
            case key, sequence
            case holderCount = "holders"
        }
    }
}
