import Logging
import NIOCore
import P2PWire
import Testing

@testable import P2PCore

/// Two hosts over loopback.
@Suite(.timeLimit(.minutes(1))) struct HostTests {
    @Test func `an echo of one mebibyte comes back whole`() async throws {
        try await withTwoHosts { server, client, peer in
            server.handle("/echo", limit: 4, echo)
            let stream = try await client.openStream("/echo", to: peer)
            let sent = ByteBuffer(bytes: (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            async let received = stream.read(exactly: sent.readableBytes)
            try await stream.write(sent)
            try await stream.closeWrite()
            #expect(try await received == sent)
            #expect(try await stream.read() == nil)
        }
    }
}
