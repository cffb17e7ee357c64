import NIOCore
import P2PWire

extension FuzzTarget {
    /// Noise, as a handshake that somebody tampers with and as a transport, and what it carries.
    static let secureChannels = [
        FuzzTarget("noise-handshake", Self.noiseHandshake),
        FuzzTarget("noise-payload") { input throws(BrokenPromise) in
            guard let payload = try? NoisePayload(bytes: input.array) else { return }
            let identity = try? payload.verifiedIdentity(staticKey: NoiseKeyPair.fixed.publicKey)
            try promise(identity == nil || identity == Identity.fixed.publicKey, "a forged proof was believed")
        },
        FuzzTarget("noise-session", Self.noiseSession),
        FuzzTarget("secure-connection", Self.secureConnection),
    ]

    /// A dialer and a listener shake hands while the input changes bytes on their way: pairs of an offset into all that
    /// is said, and what to flip there.
    private static func noiseHandshake(_ input: ByteBuffer) throws(BrokenPromise) {
        var choices = FuzzInput(input)
        var flips: [Int: UInt8] = [:]
        while !choices.isEmpty, flips.count < 8 { flips[choices.short() % 512] = choices.byte() }
        var wire = TamperedWire(flips: flips)
        let isWhole = Self.shakeHands(&wire)
        try promise(isWhole != wire.isTampered, "a handshake \(isWhole ? "survived" : "failed without") a changed byte")
    }

    /// Whether both sides proved to each other who they are.
    private static func shakeHands(_ wire: inout TamperedWire) -> Bool {
        var dialer = NoiseHandshake(role: .dialer, identity: .fixed, muxers: nil, staticKey: .fixed)
        var listener = NoiseHandshake(role: .listener, identity: .fixed, muxers: nil, staticKey: .fixed)
        var forth = ByteBuffer()
        var back = ByteBuffer()
        do {
            try dialer.start(into: &forth)
            wire.carry(&forth)
            _ = try listener.receive(&forth, reply: &back)
            wire.carry(&back)
            guard try dialer.receive(&back, reply: &forth) != nil else { return false }
            forth.clear()
            try dialer.confirm(into: &forth)
            wire.carry(&forth)
            return try listener.receive(&forth, reply: &back) != nil
        } catch {
            return false
        }
    }

    /// Messages of the lengths that the input names travel in pieces of the lengths that it names, one byte perhaps
    /// changed on the way.
    private static func noiseSession(_ input: ByteBuffer) throws(BrokenPromise) {
        var choices = FuzzInput(input)
        let flip = (offset: choices.short(), bits: choices.byte())
        var sender = NoiseSession.pair(reversed: false)
        var receiver = NoiseSession.pair(reversed: true)
        var sent = ByteBuffer()
        var wire = ByteBuffer()
        for _ in 0..<choices.byte() % 5 {
            let start = NoiseSession.beginMessage(in: &wire)
            let plaintext = ByteBuffer(repeating: choices.byte(), count: choices.short() % 3000)
            wire.writeImmutableBuffer(plaintext)
            sent.writeImmutableBuffer(plaintext)
            try promise((try? sender.seal(from: start, in: &wire)) != nil, "a message could not be encrypted")
        }
        let isTampered = flip.bits != 0 && flip.offset < wire.readableBytes
        if isTampered, let old: UInt8 = wire.getInteger(at: flip.offset) {
            wire.setInteger(old ^ flip.bits, at: flip.offset)
        }
        wire.writeImmutableBuffer(choices.bytes(choices.byte() & 1 == 0 ? 0 : 40))
        var received = ByteBuffer()
        var hasFailed = false
        while wire.readableBytes > 0, !hasFailed {
            var piece = wire.readSlice(length: min(wire.readableBytes, choices.short() % 1000 + 1)) ?? ByteBuffer()
            do { try receiver.open(&piece, into: &received) } catch { hasFailed = true }
        }
        // A changed byte must not be decrypted, nor anything behind it.
        try promise(sent.array.starts(with: received.array), "decrypting gave other bytes than were encrypted")
        try promise(isTampered || received.readableBytes == sent.readableBytes, "a sound message was not decrypted")
    }

    /// What an authenticated peer says inside Noise: the negotiation of the muxer, then frames.
    private static func secureConnection(_ input: ByteBuffer) throws(BrokenPromise) {
        var choices = FuzzInput(input)
        let shape = choices.byte()
        var remote = NoiseSession.pair(reversed: true)
        var connection = SecureConnection(
            role: shape & 1 == 0 ? .dialer : .listener,
            noise: NoiseSession.pair(reversed: false),
            earlyMuxer: shape & 2 == 0 ? nil : ConnectionUpgrade.muxer
        )
        var output = ByteBuffer()
        while !choices.isEmpty {
            var message = ByteBuffer()
            let start = NoiseSession.beginMessage(in: &message)
            message.writeImmutableBuffer(choices.bytes(Int(choices.byte())))
            guard (try? remote.seal(from: start, in: &message)) != nil else { return }
            do {
                try connection.receive(&message)
                while let event = try connection.nextEvent(at: .uptimeNanoseconds(1)) {
                    if case .received(let id, let bytes) = event {
                        connection.yamux.consumed(bytes.readableBytes, on: id, at: .uptimeNanoseconds(1))
                        connection.yamux.send(bytes, on: id)
                    }
                }
                while try connection.writeMessage(into: &output, { _ in }) {}
            } catch {
                return
            }
            try promise(connection.yamux.streamCount <= P2PWire.Limits.inboundStreams, "too many streams are open")
            output.clear()
        }
    }
}

/// Flips bits of what passes, at offsets counted from the first byte of the whole exchange.
private struct TamperedWire {
    let flips: [Int: UInt8]
    private var passed = 0
    private(set) var isTampered = false

    init(flips: [Int: UInt8]) {
        self.flips = flips
    }

    mutating func carry(_ bytes: inout ByteBuffer) {
        for offset in 0..<bytes.readableBytes {
            guard let bits = self.flips[self.passed + offset], bits != 0 else { continue }
            let index = bytes.readerIndex + offset
            bytes.setInteger((bytes.getInteger(at: index) ?? 0) ^ bits, at: index)
            self.isTampered = true
        }
        self.passed += bytes.readableBytes
    }
}

extension NoiseSession {
    /// One of two ends whose keys are known.
    fileprivate static func pair(reversed: Bool) -> NoiseSession {
        let keys = [UInt8(1), 2].map { [UInt8](repeating: $0, count: CipherState.keyLength) }
        return NoiseSession(
            sending: CipherState(key: keys[reversed ? 1 : 0]),
            receiving: CipherState(key: keys[reversed ? 0 : 1])
        )
    }
}
