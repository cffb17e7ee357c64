import ArgumentParser

struct DHTCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dht",
        abstract: "Ask the network who is there.",
        subcommands: [DHTPeersCommand.self]
    )
}
