import ArgumentParser
import P2PCore
import P2PWire

struct PingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "Measure the round trip to a peer, again and again.",
        discussion: """
            Without --count it goes on until Ctrl-C, which prints the summary. The exit
            code is 0 if the peer answered at least once, else 1.

            Examples:
              kwaai-swift ping /ip4/10.0.0.2/tcp/4801
              kwaai-swift ping 12D3KooW... --count 10 --bootstrap /ip4/10.0.0.2/tcp/4801
              kwaai-swift ping 12D3KooW... --count 100 --interval 0.01 --json
            """
    )

    @Argument(help: ArgumentHelp(PeerReference.help, valueName: "peer"), transform: { try PeerReference($0) })
    var peer: PeerReference

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How many pings to send. (default: until Ctrl-C)", valueName: "pings")
    )
    var count: Int?

    @Option(parsing: .unconditional, help: ArgumentHelp("From one ping to the next.", valueName: "seconds"))
    var interval = 1.0

    @OptionGroup var network: NetworkOptions

    @Flag(help: "Print one JSON object for each ping, and one for the summary.")
    var json = false

    func run() async throws {
        if let count, count < 1 { throw UsageError("--count \(count) sends nothing: give at least 1") }
        guard self.interval >= 0, self.interval <= 86_400 else {
            throw UsageError("--interval \(self.interval) is no time to wait: give 0 to 86400 seconds")
        }
        let series = PingSeries(
            count: self.count,
            interval: .seconds(self.interval),
            output: PingOutput(json: self.json)
        )
        var isInterrupted = false
        do {
            try await withInterruption {
                try await withPeer(self.peer, self.network) { host, peer in try await series.run(host, peer) }
            }
        } catch is Interrupted where series.hasBegun {
            // How an endless series ends.
            isInterrupted = true
        }
        guard try series.finish(isInterrupted: isInterrupted) > 0 else { throw ExitCode.failure }
    }
}
