import ArgumentParser
import P2PCore
import P2PWire

struct Listen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve echo, ping, identify and the DHT; print LISTEN and the address, then READY."
    )

    /// A listener that its test forgot ends by itself.
    private static let lifetime: Duration = .seconds(300)

    @OptionGroup var options: PeerOptions

    func run() async throws {
        try await self.options.withPeer { host, _ in
            for address in host.listenAddresses { print("LISTEN \(address.appending(peer: host.peerID))") }
            print("READY")
            flushOutput()
            try await Task.sleep(for: Self.lifetime)
        }
    }
}
