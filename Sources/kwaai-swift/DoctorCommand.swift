import ArgumentParser
import P2PCore
import P2PWire

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check what a node needs: identity, ports, peers, the DHT, being reachable, the clock.",
        discussion: """
            It listens where "serve" would for as long as it runs, joins the network as a
            stranger, and asks peers to dial back. It changes nothing. The exit code is 0
            if no check failed, else 1; a warning is no failure.

            Examples:
              kwaai-swift doctor
              kwaai-swift doctor --bootstrap /ip4/10.0.0.2/tcp/4801 --json
            """
    )

    @OptionGroup var network: NetworkOptions

    @Option(
        help: ArgumentHelp(
            "Check this address instead of those of \"serve\"; repeat for more.",
            valueName: "multiaddr"
        ),
        transform: { try Multiaddr($0) }
    )
    var listen: [Multiaddr] = []

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let settings = try await Settings.load()
        let doctor = try Doctor(self.network, settings, listen: self.listen)
        let output = DoctorOutput(json: self.json)
        let checks = try await withInterruption { try await doctor.examine { try output.found($0) } }
        try output.finish(checks)
        if checks.contains(where: { $0.status == .failed }) { throw ExitCode.failure }
    }
}
