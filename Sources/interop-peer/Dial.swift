import ArgumentParser
import P2PCore
import P2PWire

struct Dial: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Connect to a peer and run checks; print PASS or FAIL for each, and end with 1 if any failed."
    )

    @OptionGroup var options: PeerOptions

    @Argument(help: "The peer, as /ip4/…/tcp/…/p2p/….")
    var address: String

    @Option(help: "The checks to run after connecting, separated by commas.")
    var only = "identify,ping,echo,half-close,unsupported"

    @Option(help: "The multihash, in hexadecimal, of the checks provide and find-provider.")
    var key = ""

    @Option(help: "The peer id that find-provider must find.")
    var expect = ""

    func run() async throws {
        let names = ["connect"] + self.only.split(separator: ",").map(String.init).filter { $0 != "connect" }
        let checks = try names.map { name in
            guard let check = Check(rawValue: name) else {
                throw ValidationError("there is no check \"\(name)\"; there are \(Check.allCases.map(\.rawValue))")
            }
            return check
        }
        let address = try Multiaddr(self.address)
        guard let id = address.peerID else { throw ValidationError("the address must end with /p2p/…") }
        let peer = PeerInfo(id: id, addresses: [address])

        var failureCount = 0
        try await self.options.withPeer(bootstrap: [address]) { host, dht in
            let conversation = Checks(host: host, dht: dht, peer: peer, key: self.key, provider: self.expect)
            for check in checks {
                do {
                    try await conversation.run(check)
                    print("PASS \(check.rawValue)")
                } catch {
                    failureCount += 1
                    print("FAIL \(check.rawValue): \(error)")
                }
                flushOutput()
            }
        }
        if failureCount > 0 { throw ExitCode(1) }
    }
}
