import NIOCore
import P2PCore
import P2PWire

private let echoProtocol: ProtocolID = "/echo/1.0.0"

/// Runs `body` with an echo over one open stream between two hosts of this process.
func withNoiseEcho(_ body: ((ByteBuffer) async throws -> Void) async throws -> Void) async throws {
    let loopback = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
    try await withHost(Host.Configuration(identity: Identity(), listenAddresses: loopback)) { server in
        server.handle(echoProtocol, limit: 16) { stream in
            while let bytes = try await stream.read() { try await stream.write(bytes) }
            try await stream.closeWrite()
        }
        try await withHost(Host.Configuration(identity: Identity(), listenAddresses: [])) { client in
            let peer = PeerInfo(id: server.peerID, addresses: server.listenAddresses)
            let stream = try await client.openStream(echoProtocol, to: peer)
            try await body { message in
                // Both directions at once: a message may be larger than a window.
                async let sent: Void = stream.write(message)
                _ = try await stream.read(exactly: message.readableBytes)
                try await sent
            }
            await stream.close()
        }
    }
}
