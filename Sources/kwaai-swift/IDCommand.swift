import ArgumentParser
import Foundation
import P2PCore

struct IDCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "id",
        abstract: "Print this machine's peer id, creating its identity if there is none.",
        discussion: """
            Examples:
              kwaai-swift id
              kwaai-swift id --identity ./peer.key --json
            """
    )

    @Option(help: ArgumentHelp("The key that is this peer's identity.", valueName: "file"))
    var identity: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let settings = try await Settings.load()
        let path = self.identity ?? settings.string(.identity) ?? Directories.identityFile
        if !FileManager.default.fileExists(atPath: path) {
            _ = try IdentityFile.load(path: path, createIfMissing: true)
            Terminal.say("Created \(path)")
        }
        let peerID = try IdentityFile.peerID(path: path)
        if self.json {
            try Terminal.print(json: Report(identity: path, peerID: "\(peerID)"))
        } else {
            try Terminal.print("\(peerID)")
        }
    }

    private struct Report: Encodable {
        var identity: String
        var peerID: String

        enum CodingKeys: String, CodingKey {
            case identity
            case peerID = "peer_id"
        }
    }
}
