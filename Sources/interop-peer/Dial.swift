import ArgumentParser
import P2PCore
import P2PWire
import ShardProtocol

struct Dial: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Connect to a peer and run checks; print PASS, FAIL or SKIP for each, and end with 1 if any failed.",
        discussion: """
            Without --only, a check of something that the peer does not serve is skipped, which is no failure. The checks:

            \(Check.listing)
            """
    )

    @OptionGroup var options: PeerOptions

    @Argument(help: "The peer, as /ip4/…/tcp/…/p2p/….")
    var address: String

    @Option(help: "The checks to run, separated by commas. (default: all but put, get, provide and find-provider)")
    var only: String?

    @Option(help: "Multihashes in hexadecimal, separated by commas, of the checks provide and find-provider.")
    var key = ""

    @Option(help: "The peer ids that find-provider must find, one for each key.")
    var expect = ""

    func run() async throws {
        let address = try Multiaddr(self.address)
        guard let id = address.peerID else { throw ValidationError("the address must end with /p2p/…") }
        let checks = try self.checks()
        var failureCount = 0
        try await self.options.withPeer(bootstrap: [address]) { host, dht in
            let conversation = Checks(
                host: host,
                dht: dht,
                peer: PeerInfo(id: id, addresses: [address]),
                prefix: self.options.prefix,
                keys: self.key.split(separator: ",").map(String.init),
                providers: self.expect.split(separator: ",").map(String.init)
            )
            for check in checks {
                let hasPassed = await self.passes(check, conversation)
                failureCount += hasPassed ? 0 : 1
            }
        }
        if failureCount > 0 { throw ExitCode(1) }
    }

    private func checks() throws -> [Check] {
        guard let only = self.only else { return Check.usual }
        let named = try only.split(separator: ",").map(String.init).map { name in
            guard let check = Check(rawValue: name) else {
                throw ValidationError("there is no check \"\(name)\"; there are \(Check.allCases.map(\.rawValue))")
            }
            return check
        }
        return [.connect] + named.filter { $0 != .connect }
    }

    /// Runs a check and says how it ended.
    private func passes(_ check: Check, _ conversation: Checks) async -> Bool {
        defer { flushOutput() }
        let outcome = await Self.outcome(of: check, conversation)
        guard let failure = outcome else {
            print("PASS \(check.rawValue)")
            return true
        }
        let isSkipped = failure.code == .unsupportedProtocol && self.only == nil
        print("\(isSkipped ? "SKIP" : "FAIL") \(check.rawValue): \(failure)")
        return isSkipped
    }

    /// Why a check failed; nil when it did not.
    private static func outcome(of check: Check, _ conversation: Checks) async -> P2PError? {
        do throws(P2PError) {
            try await withDeadline(.seconds(60), "the check \(check.rawValue)") { () async throws(P2PError) in
                do {
                    try await conversation.run(check)
                } catch {
                    throw Self.failure(error)
                }
            }
            return nil
        } catch {
            return error
        }
    }

    private static func failure(_ error: any Error) -> P2PError {
        switch error {
        case let error as P2PError: error
        case let error as ShardError where error.code == .unsupportedProtocol:
            P2PError(.unsupportedProtocol, error.message)
        default: P2PError(.malformed, "\(error)")
        }
    }
}
