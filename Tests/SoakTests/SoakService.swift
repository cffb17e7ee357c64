import CSodium
import NIOCore
import P2PWire

@testable import P2PCore

/// The server's side of an exchange.
enum SoakService {
    static let protocolID: ProtocolID = "/soak/1.0.0"

    static func install(on host: Host) {
        host.handle(Self.protocolID, limit: 2 * Soak.streams) { stream in
            guard let exchange = Exchange(header: try await stream.read(exactly: Exchange.headerLength)) else {
                throw P2PError(.malformed, "not an exchange of the soak")
            }
            switch exchange.kind {
            case .upload:
                try await stream.write(ByteBuffer(bytes: exchange.receive(on: stream, as: .server)))
            case .download:
                try await stream.write(ByteBuffer(bytes: exchange.send(on: stream, as: .server)))
            case .echo:
                var missing = exchange.byteCount
                while missing > 0, exchange.breaker != .server || missing > exchange.byteCount / 2,
                    let piece = try await stream.read()
                {
                    missing -= piece.readableBytes
                    try await stream.write(piece)
                }
                if exchange.breaker == .server { throw P2PError(.streamReset, "on purpose") }
            }
        }
    }
}

extension Host {
    /// Streams that count against its limits, in both directions.
    var openStreams: Int { self.book.usage(of: .system).total.streams }
}

/// SHA-256 of bytes that come piece by piece.
struct RunningDigest {
    private var state = crypto_hash_sha256_state()

    init() {
        crypto_hash_sha256_init(&self.state)
    }

    mutating func add(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { bytes in
            guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
            crypto_hash_sha256_update(&self.state, start, UInt64(bytes.count))
        }
    }

    mutating func finish() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
        crypto_hash_sha256_final(&self.state, &digest)
        return digest
    }
}

/// The numbers of a run, the same for the same seed.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func bytes(_ count: Int) -> ByteBuffer {
        var bytes = ByteBufferAllocator().buffer(capacity: count + 8)
        for _ in 0..<(count + 7) / 8 { bytes.writeInteger(self.next()) }
        return bytes.readSlice(length: count) ?? ByteBuffer()
    }
}
