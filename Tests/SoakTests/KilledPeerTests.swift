import NIOCore
import P2PWire
import Testing

@testable import P2PCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Peers that are killed in the middle of a transfer: the other end hears of it and keeps nothing of theirs.
extension SoakTests {
    @Test(.timeLimit(.minutes(2)))
    func `a sender that is killed ends its streams and leaves nothing behind`() async throws {
        let (errors, continuation) = AsyncStream.makeStream(of: P2PError.self, bufferingPolicy: .bufferingOldest(1))
        try await self.withListener { host, address in
            host.handle("/sink", limit: 1) { stream in
                do throws(P2PError) {
                    while try await stream.read() != nil {}
                } catch {
                    continuation.yield(error)
                }
            }
            await #expect(processExitsWith: .signal(SIGKILL)) { [address = address as String] in
                try await withHost(Soak.configuration()) { host in
                    let peer = try await host.dial(Multiaddr(address))
                    let stream = try await host.openStream("/sink", to: PeerInfo(id: peer, addresses: []))
                    for _ in 0..<8 { try await stream.write(ByteBuffer(repeating: 1, count: 1 << 18)) }
                    kill(getpid(), SIGKILL)
                }
            }
            for await error in errors {
                #expect(error.code == .connectionLost)
                break
            }
            try await self.expectNothingLeft(of: host)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a receiver that is killed ends what is sent to it and leaves nothing behind`() async throws {
        try await self.withListener { host, address in
            let events = host.events
            async let sending: P2PError? = self.sendWithoutEnd(from: host, toFirstOf: events)
            await #expect(processExitsWith: .signal(SIGKILL)) { [address = address as String] in
                try await withHost(Soak.configuration()) { host in
                    host.handle("/sink", limit: 1) { stream in
                        for _ in 0..<8 { _ = try await stream.read(exactly: 1 << 16) }
                        kill(getpid(), SIGKILL)
                    }
                    _ = try await host.dial(Multiaddr(address))
                    while !Task.isCancelled { try await pause(for: .seconds(1)) }
                }
            }
            #expect(await sending?.code == .connectionLost)
            try await self.expectNothingLeft(of: host)
        }
    }

    private func withListener(_ body: (Host, String) async throws -> Void) async throws {
        var configuration = Soak.configuration()
        configuration.listenAddresses = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        try await withHost(configuration) { host in
            try await body(host, try #require(host.listenAddresses.first).description)
        }
    }

    /// Sends to the first peer that connects until that fails.
    private func sendWithoutEnd(from host: Host, toFirstOf events: AsyncStream<HostEvent>) async -> P2PError? {
        for await case .connected(let peer) in events {
            do throws(P2PError) {
                let stream = try await host.openStream("/sink", to: PeerInfo(id: peer, addresses: []))
                while true { try await stream.write(ByteBuffer(repeating: 1, count: 1 << 16)) }
            } catch {
                return error
            }
        }
        return nil
    }

    /// Waits until the host holds nothing; the suite's time limit bounds that.
    private func expectNothingLeft(of host: Host) async throws {
        while !host.connectedPeers.isEmpty || host.book.usage(of: .system).total != .none {
            try await pause(for: .milliseconds(2))
        }
    }
}
