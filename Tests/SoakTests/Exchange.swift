import NIOCore
import P2PCore
import P2PWire

/// One stream of the soak: what travels on it, how fast it is read, and how it ends.
///
/// The client opens it with this description; both sides then know which bytes belong on it.
struct Exchange: CustomStringConvertible {
    /// Which way the bytes go.
    enum Kind: UInt8, CaseIterable {
        /// To the server, which answers their digest.
        case upload
        /// From the server, their digest behind them.
        case download
        /// To the server and back.
        case echo
    }

    /// Who breaks it off half way.
    enum Breaker: UInt8 {
        case nobody, client, server
    }

    var kind: Kind
    var breaker: Breaker
    /// The reader pauses between its reads.
    var isSlow: Bool
    var byteCount: Int
    var seed: UInt64

    init(using random: inout SplitMix) {
        self.kind = Kind.allCases[Int.random(in: 0..<3, using: &random)]
        self.breaker = Breaker(rawValue: UInt8.random(in: 0..<16, using: &random)) ?? .nobody
        self.isSlow = Int.random(in: 0..<4, using: &random) == 0
        // Mostly messages, now and then a tensor that outgrows every window.
        let largest = Int.random(in: 0..<40, using: &random) == 0 ? 4 << 20 : 64 << 10
        self.byteCount = Int.random(in: 0...largest, using: &random)
        self.seed = random.next()
    }

    var description: String {
        "\(self.kind) of \(self.byteCount) bytes, slow: \(self.isSlow), broken by: \(self.breaker)"
    }

    /// What came of it on the client's side.
    enum Outcome {
        case whole
        case reset
        case failed(String)
    }

    func run(from client: Host, to peer: PeerInfo) async -> Outcome {
        do {
            let stream = try await client.openStream(SoakService.protocolID, to: peer)
            try await stream.write(self.header)
            switch self.kind {
            case .upload: try await self.upload(on: stream)
            case .download: try await self.download(on: stream)
            case .echo: try await self.echo(on: stream)
            }
            return self.breaker == .nobody ? .whole : .failed("it was not broken off")
        } catch let error as P2PError where self.breaker != .nobody && error.code == .streamReset {
            return .reset
        } catch {
            return .failed("\(error)")
        }
    }

    private func upload(on stream: PeerStream) async throws {
        let sent = try await self.send(on: stream, as: .client)
        try await stream.closeWrite()
        let answer = try await stream.read(exactly: 32)
        try self.expect(answer.readableBytesView.elementsEqual(sent), "the server received other bytes")
        await stream.close()
    }

    private func download(on stream: PeerStream) async throws {
        try await stream.closeWrite()
        let received = try await self.receive(on: stream, as: .client)
        let answer = try await stream.read(exactly: 32)
        try self.expect(answer.readableBytesView.elementsEqual(received), "other bytes than the server sent arrived")
        await stream.close()
    }

    private func echo(on stream: PeerStream) async throws {
        async let received = self.receive(on: stream, as: .client)
        let sent = try await self.send(on: stream, as: .client)
        try await stream.closeWrite()
        try self.expect(try await received == sent, "other bytes came back than were sent")
        try self.expect(try await stream.read() == nil, "bytes came behind the echo")
    }

    private func expect(_ condition: Bool, _ what: String) throws {
        guard condition else { throw Soak.Failed(description: what) }
    }

    // MARK: Both sides

    /// Sends the exchange's bytes and returns their digest; resets the stream half way if `side` is to break it.
    func send(on stream: PeerStream, as side: Breaker) async throws -> [UInt8] {
        var content = SplitMix(seed: self.seed)
        var digest = RunningDigest()
        var missing = self.byteCount
        while missing > 0 {
            try self.breakOff(stream, missing: missing, as: side)
            let piece = content.bytes(min(missing, Int.random(in: 1...50_000, using: &content)))
            digest.add(piece)
            missing -= piece.readableBytes
            try await stream.write(piece)
        }
        try self.breakOff(stream, missing: 0, as: side)
        return digest.finish()
    }

    /// Takes the exchange's bytes and returns their digest; resets the stream half way if `side` is to break it.
    func receive(on stream: PeerStream, as side: Breaker) async throws -> [UInt8] {
        var digest = RunningDigest()
        var missing = self.byteCount
        while missing > 0 {
            try self.breakOff(stream, missing: missing, as: side)
            if self.isSlow { try await pause(for: .milliseconds(missing % 20)) }
            let piece = try await stream.read(exactly: min(missing, 20_000))
            digest.add(piece)
            missing -= piece.readableBytes
        }
        try self.breakOff(stream, missing: 0, as: side)
        return digest.finish()
    }

    private func breakOff(_ stream: PeerStream, missing: Int, as side: Breaker) throws {
        guard self.breaker == side, side != .nobody, missing <= self.byteCount / 2 else { return }
        stream.reset()
        throw P2PError(.streamReset, "on purpose")
    }

    // MARK: The description

    static let headerLength = 19

    private var header: ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeMultipleIntegers(
            self.kind.rawValue,
            self.breaker.rawValue,
            self.isSlow ? 1 as UInt8 : 0,
            UInt64(self.byteCount),
            self.seed
        )
        return bytes
    }

    init?(header: ByteBuffer) {
        var bytes = header
        typealias Fields = (UInt8, UInt8, UInt8, UInt64, UInt64)
        guard let fields: Fields = bytes.readMultipleIntegers(), let kind = Kind(rawValue: fields.0),
            let breaker = Breaker(rawValue: fields.1)
        else { return nil }
        self.kind = kind
        self.breaker = breaker
        self.isSlow = fields.2 == 1
        self.byteCount = Int(fields.3)
        self.seed = fields.4
    }
}
