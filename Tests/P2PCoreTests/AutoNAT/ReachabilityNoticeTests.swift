import P2PWire
import Testing

@testable import P2PCore

@Suite struct ReachabilityNoticeTests {
    private let now = ContinuousClock.now
    private static let address = "/ip4/192.168.1.5/tcp/4801"

    private func notices(_ addresses: [String] = ["/ip4/127.0.0.1/tcp/4801", Self.address]) throws -> ReachabilityNotice
    {
        ReachabilityNotice(addresses: try addresses.map { try Multiaddr($0) })
    }

    private func dialled(from ip: String) throws -> Reachability {
        var reachability = Reachability()
        reachability.accepted(from: try IPAddress(ip, family: .v4), own: [])
        return reachability
    }

    @Test func `complains after a while, and once`() throws {
        var notices = try self.notices()
        let said = [false, true, true].map { notices.next(Reachability(), isLate: $0, now: self.now) }
        #expect(said == [nil, .nobody(port: 4801), nil])
    }

    @Test func `says at once that it listens on this machine alone`() throws {
        var notices = try self.notices(["/ip4/127.0.0.1/tcp/4801", "/ip6/::1/tcp/4801"])
        let said = [false, true].map { notices.next(Reachability(), isLate: $0, now: self.now) }
        #expect(said == [.thisMachineOnly, nil])
    }

    @Test func `says what peers have tried in vain`() throws {
        let address = try Multiaddr(Self.address)
        var reachability = Reachability()
        for _ in 0..<2 { reachability.tried(address, by: Identity().peerID, isReached: false, now: self.now) }
        var notices = try self.notices()
        let said = [false, true].map { notices.next(reachability, isLate: $0, now: self.now) }
        #expect(said == [.unreachable([address], port: 4801), nil])
    }

    @Test func `says from where it was dialled each time that it was farther, and then has nothing to complain of`()
        throws
    {
        var notices = try self.notices()
        let origins = ["127.0.0.1", "10.0.0.1", "10.0.0.2", "8.8.8.8", "8.8.4.4"]
        let said = try origins.map { notices.next(try self.dialled(from: $0), isLate: false, now: self.now) }
        #expect(said == [nil, .dialled(.site), nil, .dialled(.internet), nil])
        let late = notices.next(try self.dialled(from: "8.8.8.8"), isLate: true, now: self.now)
        #expect(late == nil)
    }
}
