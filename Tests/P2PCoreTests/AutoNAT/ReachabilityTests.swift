import P2PWire
import Testing

@testable import P2PCore

@Suite struct ReachabilityTests {
    private let start = ContinuousClock.now
    private let peers = (0..<4).map { _ in Identity().peerID }

    private func address(_ text: String = "/ip4/8.8.8.8/tcp/4801") throws -> Multiaddr { try Multiaddr(text) }

    @Test(
        arguments: [
            ("127.0.0.1", .nobody), ("192.168.1.5", .nobody), ("192.168.1.6", .site), ("169.254.0.1", .site),
            ("8.8.8.8", .internet),
        ] as [(String, Reachability.Origin)]
    )
    func `knows from how far away somebody has dialled`(ip: String, origin: Reachability.Origin) throws {
        var reachability = Reachability()
        let own: Set = [try IPAddress("127.0.0.1", family: .v4), try IPAddress("192.168.1.5", family: .v4)]
        reachability.accepted(from: try IPAddress(ip, family: .v4), own: own)
        #expect(reachability.dialledFrom == origin)
    }

    @Test func `remembers the farthest`() throws {
        var reachability = Reachability()
        reachability.accepted(from: try IPAddress("8.8.8.8", family: .v4), own: [])
        reachability.accepted(from: try IPAddress("10.0.0.1", family: .v4), own: [])
        #expect(reachability.dialledFrom == .internet)
    }

    @Test func `one success is a proof, one failure is not`() throws {
        var reachability = Reachability()
        let (first, second) = (try self.address(), try self.address("/ip4/8.8.8.8/tcp/4802"))
        #expect(reachability.verdict(now: self.start) == .unknown)
        reachability.tried(first, by: self.peers[0], isReached: false, now: self.start)
        #expect(reachability.verdict(now: self.start) == .unknown)
        reachability.tried(first, by: self.peers[1], isReached: false, now: self.start)
        #expect(reachability.verdict(now: self.start) == .unreachable([first]))
        reachability.tried(second, by: self.peers[2], isReached: true, now: self.start)
        #expect(reachability.verdict(now: self.start) == .reachable([second]))
    }

    @Test func `a peer has one voice for an address, its latest`() throws {
        var reachability = Reachability()
        let address = try self.address()
        for _ in 0..<5 { reachability.tried(address, by: self.peers[0], isReached: false, now: self.start) }
        #expect(reachability.verdict(now: self.start) == .unknown)
        reachability.tried(address, by: self.peers[0], isReached: true, now: self.start)
        #expect(reachability.verdict(now: self.start) == .reachable([address]))
        // Two who say otherwise outvote it, but do not yet make a verdict of their own.
        reachability.tried(address, by: self.peers[1], isReached: false, now: self.start)
        reachability.tried(address, by: self.peers[2], isReached: false, now: self.start)
        #expect(reachability.verdict(now: self.start) == .unknown)
        reachability.tried(address, by: self.peers[3], isReached: false, now: self.start)
        #expect(reachability.verdict(now: self.start) == .unreachable([address]))
    }

    @Test func `an address is confirmed by two peers more than fail`() throws {
        var reachability = Reachability()
        let address = try self.address()
        var confirmed: [[Multiaddr]] = []
        for (peer, isReached) in zip(self.peers, [true, true, false, true]) {
            reachability.tried(address, by: peer, isReached: isReached, now: self.start)
            confirmed.append(reachability.confirmed(now: self.start))
        }
        #expect(confirmed == [[], [address], [], [address]])
    }

    @Test func `forgets what was long ago`() throws {
        var reachability = Reachability()
        reachability.tried(try self.address(), by: self.peers[0], isReached: true, now: self.start)
        #expect(reachability.verdict(now: self.start + .seconds(7_200)) == .reachable([try self.address()]))
        #expect(reachability.verdict(now: self.start + .seconds(10_800)) == .unknown)
    }

    @Test func `remembers a bounded number of trials`() throws {
        var reachability = Reachability()
        let address = try self.address()
        for _ in 0...Limits.trials {
            reachability.tried(address, by: Identity().peerID, isReached: false, now: self.start)
        }
        #expect(reachability.trialCount(of: address) == Limits.trials)
    }
}
