import NIOCore
import P2PCore
import P2PWire
import Synchronization
import Testing

@testable import ShardProtocol

/// Whom a hop dials because a coordinator asks it to, and what it keeps for whoever comes next.
@Suite(.timeLimit(.minutes(1))) struct PushDeskTests {
    private static func address(_ text: String) throws -> Multiaddr { try Multiaddr("/ip4/\(text)/tcp/4801") }

    private static func ip(_ text: String) throws -> IPAddress { try #require(try Self.address(text).ipAddress) }

    @Test(arguments: [
        // To, for whom, and whether from a host of a site alone and from one of the internet.
        ("127.0.0.1", "127.0.0.1", true, true), ("127.0.0.1", "10.0.0.9", false, false),
        ("127.0.0.1", "1.1.1.1", false, false), ("169.254.0.7", "1.1.1.1", false, false),
        ("10.0.0.7", "10.0.0.7", true, true), ("10.0.0.7", "10.0.0.9", true, false), ("8.8.8.8", "1.1.1.1", true, true),
    ])
    func `a hop dials where its own network is, and nowhere else for strangers`(
        target: String,
        asker: String,
        ofSite: Bool,
        ofInternet: Bool
    ) throws {
        let addresses = [try Self.address(target)]
        for (own, isExpected) in [("10.0.0.5", ofSite), ("8.8.4.4", ofInternet)] {
            let own: Set<IPAddress> = [try Self.ip("127.0.0.1"), try Self.ip(own)]
            let dialable = PushDesk.dialable(addresses, askedFrom: try Self.ip(asker), own: own)
            #expect(dialable == (isExpected ? addresses : []))
        }
    }

    @Test func `one coordinator has a hop dial only so often`() async throws {
        try await withHost(Host.Configuration()) { host in
            let desk = PushDesk(host)
            let (one, another) = (Identity().peerID, Identity().peerID)
            // A moment later than the desk was made.
            let now = NIODeadline.now() + .seconds(1)
            let dials = (0..<100).count { _ in desk.mayDial(for: one, now: now) }
            #expect(dials == Limits.pushDials.burst)
            #expect(desk.mayDial(for: another, now: now))
            #expect(desk.mayDial(for: one, now: now + .seconds(6)))
            let others = (0..<1000).count { _ in desk.mayDial(for: Identity().peerID, now: now + .seconds(6)) }
            #expect(others <= Limits.allPushDials.burst)
        }
    }

    @Test func `what a hop does not read is neither kept for it nor waited for`() async throws {
        let loopback = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        let (endings, ended) = AsyncStream.makeStream(of: Never.self)
        try await withHost(Host.Configuration(listenAddresses: loopback)) { hop in
            hop.handle(PushTarget.protocolID, limit: 4) { _ in for await _ in endings {} }
            try await withHost(Host.Configuration()) { host in
                let peer = PeerInfo(id: hop.peerID, addresses: hop.listenAddresses)
                let target = PushTarget(
                    peer: peer,
                    session: SessionID(rawValue: 1),
                    blocks: try BlockRange(0, 2),
                    maxTokens: 4
                )
                let stream = try await host.openStream(PushTarget.protocolID, to: peer, isExpected: true)
                let edge = PushEdge(stream, to: target)
                let (breaks, broke) = AsyncStream.makeStream(of: Bool.self)
                #expect(host.accompany { broke.yield(await edge.run()) })
                #expect(await edge.push(ByteBuffer(repeating: 0, count: Limits.sentMessage + 1)) == false)
                #expect(await edge.push(ByteBuffer(repeating: 0, count: 1)))
                // The window of the stream takes some, the queue the rest.
                let message = ByteBuffer(repeating: 0, count: 1 << 20)
                let taken = await withTaskGroup { group in
                    for _ in 0..<100 { group.addTask { await edge.push(message) } }
                    return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(taken > 0 && taken <= Limits.sentMessage >> 20 + 2)
                await host.disconnect(hop.peerID)
                #expect(await breaks.first { _ in true } == true)
                #expect(await edge.push(ByteBuffer(repeating: 0, count: 1)) == false)
            }
            ended.finish()
        }
    }
}
