import P2PWire
import Testing

@testable import P2PCore

@Suite struct HealthCheckTests {
    private let peers = (0..<3).map { _ in Identity().peerID }

    private func address(_ text: String = "/ip4/10.0.0.2/tcp/4801") throws -> Multiaddr { try Multiaddr(text) }

    // MARK: The machine

    @Test func `an identity that cannot be used is a failure, a missing one is not`() {
        #expect(HealthCheck.identity("key", .missing).status == .ok)
        #expect(HealthCheck.identity("key", .usable(self.peers[0])).status == .ok)
        let held = HealthCheck.identity("key", .held(self.peers[0]))
        #expect(held.status == .ok && held.finding.contains("running"))
        let broken = HealthCheck.identity("key", .unusable("others may read it; run `chmod 600 key`"))
        #expect(broken.status == .failed && broken.finding.contains("chmod 600"))
    }

    @Test func `a port is free, our own, another peer's or a stranger's`() throws {
        let address = try self.address()
        let findings: [HealthCheck.PortFinding] = [
            .free, .peer(self.peers[0]), .peer(self.peers[1]), .stranger, .unusable("needs privileges"),
        ]
        let checks = findings.map { HealthCheck.port(address, $0, own: self.peers[0]) }
        #expect(checks.map(\.status) == [.ok, .ok, .warning, .failed, .failed])
        #expect(checks[1].finding.contains("own \"serve\""))
        #expect(checks[2].advice?.contains("--identity") == true)
        #expect(checks[3].advice?.contains("--listen") == true)
    }

    @Test func `a machine with nothing but its loopback has no network`() throws {
        let loopback = try IPAddress("127.0.0.1", family: .v4)
        let link = try IPAddress("fe80::1", family: .v6)
        #expect(HealthCheck.interfaces([loopback, link]).status == .failed)
        let site = HealthCheck.interfaces([loopback, try IPAddress("192.168.1.5", family: .v4)])
        #expect(site.status == .ok && site.finding.contains("192.168.1.5") && site.finding.contains("no IPv6"))
        let global = HealthCheck.interfaces([try IPAddress("2606:4700::1", family: .v6)])
        #expect(global.finding.contains("IPv6 reaches the internet"))
    }

    @Test func `too few files are a warning that says what to run`() {
        #expect(HealthCheck.fileDescriptors(soft: 4096, hard: 4096).status == .ok)
        let low = HealthCheck.fileDescriptors(soft: 1024, hard: 4096)
        #expect(low.status == .warning && low.advice?.contains("ulimit") == true)
        let fixed = HealthCheck.fileDescriptors(soft: 1024, hard: 1024)
        #expect(fixed.status == .warning && fixed.advice?.contains("ulimit") == false)
    }

    // MARK: The network

    @Test func `named peers have to answer, remembered ones may be gone`() throws {
        let answer = HealthCheck.DialFinding.answered(try self.address(), self.peers[0], after: .milliseconds(12))
        let failure = HealthCheck.DialFinding.failed(try self.address(), "refuses connections")
        #expect(HealthCheck.bootstrap([answer], areNamed: true).status == .ok)
        #expect(HealthCheck.bootstrap([answer, failure], areNamed: true).status == .warning)
        #expect(HealthCheck.bootstrap([answer, failure], areNamed: false).status == .ok)
        #expect(HealthCheck.bootstrap([failure], areNamed: true).status == .failed)
        #expect(HealthCheck.bootstrap([failure], areNamed: false).status == .warning)
        let alone = HealthCheck.bootstrap([], areNamed: false)
        #expect(alone.status == .warning && alone.advice?.contains("--bootstrap") == true)
    }

    @Test func `a search that finds nobody points at the prefix`() {
        #expect(HealthCheck.search(peers: 2, after: .milliseconds(3), protocolPrefix: "/kwaai").status == .ok)
        let empty = HealthCheck.search(peers: 0, after: .zero, protocolPrefix: "/kwaai")
        #expect(empty.status == .failed && empty.finding.contains("/kwaai/kad/1.0.0"))
        #expect(HealthCheck.search(peers: nil, after: .zero, protocolPrefix: "/kwaai").status == .warning)
    }

    @Test func `one machine that could dial back is enough`() throws {
        let address = try self.address()
        let far = HealthCheck.DialBackFinding.tried(by: self.peers[0], .reached(address), isNear: false)
        let near = HealthCheck.DialBackFinding.tried(by: self.peers[1], .reached(address), isNear: true)
        let miss = HealthCheck.DialBackFinding.tried(by: self.peers[2], .notReached(address), isNear: false)
        let refusal = HealthCheck.DialBackFinding.tried(by: self.peers[2], .refused, isNear: false)
        let check = { HealthCheck.reachability($0, port: 4801) }
        #expect(check([near, far, miss]).status == .ok)
        // A peer of the same machine says nothing of the way from others.
        #expect(check([near]).status == .warning)
        #expect(check([miss]).status == .failed)
        #expect(check([miss]).advice?.contains("TCP port 4801") == true)
        #expect(check([refusal]).status == .warning)
        #expect(check([]).status == .warning)
        let failure = check([.failed(self.peers[0], "it went away")])
        #expect(failure.status == .warning && failure.finding.contains("it went away"))
    }

    @Test func `a running node is believed about who has dialled it`() {
        let origins: [Reachability.Origin?] = [.internet, .site, .nobody, nil]
        let checks = origins.map { HealthCheck.reachability(ofServer: $0, port: 4801) }
        #expect(checks.map(\.status) == [.ok, .ok, .warning, .warning])
        #expect(checks[2].advice?.contains("4801") == true)
    }

    // MARK: The clock

    @Test func `a clock may be five minutes off, by the median of the peers`() {
        let check = { (seconds: [Int]) in HealthCheck.clock(offsets: seconds.map { .seconds($0) }) }
        #expect(check([]).finding == "no peer to compare with")
        #expect(check([300, -300, 299]).status == .ok)
        #expect(check([0, 5_000, 1]).status == .ok)
        let behind = check([301, 400, 302])
        #expect(behind.status == .failed && behind.finding.contains("302 s behind"))
        let ahead = check([-400, -401, -402])
        #expect(ahead.status == .failed && ahead.finding.contains("401 s ahead"))
        // One peer alone may be the one that is wrong.
        #expect(check([1_000]).status == .warning)
    }

    @Test func `a record tells the time where it was made for the occasion, and else only from the future`() {
        let now: UInt64 = 1_800_000_000_000_000_000
        let second: UInt64 = 1_000_000_000
        func offset(_ sequence: UInt64, isFresh: Bool) -> Duration? {
            Host.clockOffset(of: sequence, now: now, elapsed: .seconds(2), isFresh: isFresh)
        }
        #expect(offset(now + 10 * second, isFresh: false) == .seconds(10))
        #expect(offset(now - 10 * second, isFresh: false) == nil)
        #expect(offset(now - 10 * second, isFresh: true) == .seconds(-8))
        // It was made while the connection stood.
        #expect(offset(now - second, isFresh: true) == .zero)
        // A counter is no clock.
        #expect(offset(7, isFresh: true) == nil)
        #expect(offset(.max, isFresh: true) == nil)
    }
}
