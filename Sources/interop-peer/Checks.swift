import Kademlia
import NIOCore
import P2PCore
import P2PWire
import ShardProtocol

/// The checks themselves, of one peer from one host.
struct Checks {
    let host: Host
    let dht: DHT
    let peer: PeerInfo
    /// Of the DHT's protocol.
    let prefix: String
    /// Multihashes in hexadecimal, and the provider to be found under each.
    let keys: [String]
    let providers: [String]

    func run(_ check: Check) async throws {
        switch check {
        case .connect: try await self.host.connect(to: self.peer)
        case .identify: try await self.identify()
        case .push: try await self.push()
        case .ping: for _ in 0..<3 { _ = try await self.host.ping(self.peer.id) }
        case .echo: try await self.echo(byteCount: 1 << 20)
        case .echoLarge: try await self.echo(byteCount: 64 << 20)
        case .streams: try await self.streams()
        case .halfClose: try await self.halfClose()
        case .reset: try await self.reset()
        case .sink: try await self.sink(byteCount: 16 << 20)
        case .perf: try await self.perf(up: 4 << 20, down: 16 << 20)
        case .unsupported: try await self.unsupported()
        case .findNode: try await self.findNode()
        case .put: try await self.put()
        case .get: try await self.get()
        case .provide: try await self.provide()
        case .findProvider: try await self.findProviders()
        case .inference: try await self.inference()
        case .cancel: try await self.cancel()
        case .unaryName: try await self.unaryName()
        case .unaryLarge: try await self.unaryLarge()
        case .unaryError: try await self.unaryError()
        case .unaryNobody: try await self.unaryNobody()
        case .window: try await self.window()
        case .earlyMuxer: try await self.earlyMuxer()
        }
    }

    private func identify() async throws {
        let known = try await self.identification { _ in true }
        guard known.protocols.contains(Ping.protocolID), !known.agentVersion.isEmpty, known.observedAddress != nil
        else { throw CheckFailure(description: "an incomplete identification: \(known)") }
    }

    func identification(_ isEnough: (Identification) -> Bool) async throws -> Identification {
        try await self.host.identification(of: self.peer.id, isEnough)
    }

    /// Bytes there and back, the sender not waiting for the answer.
    private func echo(byteCount: Int) async throws {
        let stream = try await self.host.openStream(.echo, to: self.peer)
        let sent = Self.pattern(byteCount: byteCount)
        async let received = stream.read(exactly: byteCount)
        try await stream.write(sent)
        guard try await SHA256.digest(received.readableBytesView) == SHA256.digest(sent.readableBytesView) else {
            throw CheckFailure(description: "other bytes came back than were sent")
        }
        await stream.close()
    }

    /// Bytes of which no part is like the part before it.
    static func pattern(byteCount: Int) -> ByteBuffer {
        let block = ByteBuffer(bytes: (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) })
        var buffer = ByteBuffer()
        while buffer.readableBytes < byteCount {
            buffer.writeInteger(UInt64(buffer.readableBytes))
            buffer.writeImmutableBuffer(block)
        }
        buffer.moveWriterIndex(to: byteCount)
        return buffer
    }

    /// Many conversations at once on one connection, none of which hears another's words.
    private func streams() async throws {
        try await withThrowingTaskGroup { group in
            for index in 0..<UInt32(200) {
                group.addTask { try await self.converse(index) }
            }
            try await group.waitForAll()
        }
    }

    private func converse(_ index: UInt32) async throws {
        let stream = try await self.host.openStream(.echo, to: self.peer)
        let words = ByteBuffer(repeating: UInt8(truncatingIfNeeded: index), count: 8_000)
        try await stream.write(words)
        let echo = try await stream.read(exactly: words.readableBytes)
        await stream.close()
        guard echo == words else {
            throw CheckFailure(description: "stream \(index) got the words of another")
        }
    }

    /// Our direction ends before the answer begins to arrive.
    private func halfClose() async throws {
        let stream = try await self.host.openStream(.echo, to: self.peer)
        let words = ByteBuffer(string: "last words")
        try await stream.write(words)
        try await stream.closeWrite()
        guard try await stream.read(exactly: words.readableBytes) == words, try await stream.read() == nil else {
            throw CheckFailure(description: "the words did not come back alone")
        }
    }

    /// Streams that end at once, with bytes on their way in both directions.
    private func reset() async throws {
        for _ in 0..<20 {
            let stream = try await self.host.openStream(.echo, to: self.peer)
            try await stream.write(Self.pattern(byteCount: 100_000))
            _ = try await stream.read(exactly: 1_000)
            stream.reset()
        }
        try await self.echo(byteCount: 100_000)
        _ = try await self.host.ping(self.peer.id)
    }

    /// A refused protocol costs its stream and nothing else.
    private func unsupported() async throws {
        do throws(P2PError) {
            _ = try await self.host.openStream("/no/such/protocol/1.0.0", to: self.peer)
        } catch  where error.code == .unsupportedProtocol {
            _ = try await self.host.ping(self.peer.id)
            return
        }
        throw CheckFailure(description: "a protocol that nobody speaks was accepted")
    }

    /// A unary call, as KwaaiNet's nodes make one for each step: its answer is the published one.
    private func inference() async throws {
        let client = InferenceClient(host: self.host)
        for _ in 0..<2 {
            let response = try await client.send(GoldenStep.request, to: self.peer, timeout: .seconds(10))
            guard try response == GoldenStep.response() else {
                throw CheckFailure(description: "another answer than the published one: \(response)")
            }
        }
    }
}
