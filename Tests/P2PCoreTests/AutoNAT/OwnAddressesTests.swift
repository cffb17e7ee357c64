import P2PWire
import Testing

@testable import P2PCore

@Suite struct OwnAddressesTests {
    private func addresses(_ texts: [String]) throws -> [Multiaddr] { try texts.map { try Multiaddr($0) } }

    private func observed(_ texts: [String]) throws -> [PeerID: Multiaddr] {
        var observed: [PeerID: Multiaddr] = [:]
        for text in texts { observed[Identity().peerID] = try Multiaddr(text) }
        return observed
    }

    @Test func `tries what the internet would use before what the site would, and never the machine's own`() throws {
        let listening = try self.addresses([
            "/ip4/127.0.0.1/tcp/4801", "/ip4/192.168.1.5/tcp/4801", "/ip6/::1/tcp/4801", "/ip6/2606:4700::1/tcp/4801",
        ])
        let expected = try self.addresses(["/ip6/2606:4700::1/tcp/4801", "/ip4/192.168.1.5/tcp/4801"])
        #expect(OwnAddresses.candidates(listening: listening, observed: [:]) == expected)
    }

    @Test func `a host that listens on its own machine alone has only that to be tried`() throws {
        let listening = try self.addresses(["/ip4/127.0.0.1/tcp/4801"])
        #expect(OwnAddresses.candidates(listening: listening, observed: [:]) == listening)
    }

    @Test func `guesses the router's address where two peers see it, with the port that is listened on`() throws {
        let listening = try self.addresses(["/ip4/192.168.1.5/tcp/4801", "/ip4/192.168.1.5/tcp/4802"])
        let two = try self.observed(["/ip4/8.8.8.8/tcp/50001", "/ip4/8.8.8.8/tcp/50002", "/ip4/9.9.9.9/tcp/1"])
        let guesses = try self.addresses(["/ip4/8.8.8.8/tcp/4801", "/ip4/8.8.8.8/tcp/4802"])
        #expect(OwnAddresses.candidates(listening: listening, observed: two) == guesses + listening)
        let one = try self.observed(["/ip4/8.8.8.8/tcp/50001"])
        #expect(OwnAddresses.candidates(listening: listening, observed: one) == listening)
    }

    @Test func `an address that is listened on is no guess`() throws {
        let listening = try self.addresses(["/ip4/8.8.8.8/tcp/4801"])
        let two = try self.observed(["/ip4/8.8.8.8/tcp/50001", "/ip4/8.8.8.8/tcp/50002"])
        #expect(OwnAddresses.candidates(listening: listening, observed: two) == listening)
    }
}
