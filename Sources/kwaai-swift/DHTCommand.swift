import ArgumentParser

struct DHTCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dht",
        abstract: "Ask the network who is there and what it keeps.",
        subcommands: [
            DHTPeersCommand.self, DHTFindCommand.self, DHTProvidersCommand.self, DHTGetCommand.self,
            DHTPutCommand.self, DHTBootstrapCommand.self,
        ]
    )
}
