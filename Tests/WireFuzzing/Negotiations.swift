import NIOCore
import P2PWire

extension FuzzTarget {
    /// Everything that is read before a peer is known: multistream on both sides, and the upgrade around Noise.
    static let negotiations = [
        FuzzTarget("multistream-dialer") { input throws(BrokenPromise) in
            try sameInPieces(input, Self.dialer)
        },
        FuzzTarget("multistream-listener") { input throws(BrokenPromise) in
            try sameInPieces(input, Self.listener)
        },
        FuzzTarget("connection-upgrade") { input throws(BrokenPromise) in
            var choices = FuzzInput(input)
            let role: ConnectionRole = choices.byte() & 1 == 0 ? .dialer : .listener
            let bytes = choices.remainder()
            for pieces in [bytes.pieces(single: true), bytes.pieces(single: false)] {
                // Noise keys are drawn anew each time, so only the end is compared: nobody can prove who it is blindly.
                try promise(Self.upgrade(role, pieces) == nil, "a stranger was verified without a key")
            }
        },
    ]

    /// What a negotiation came to, and what it said and left on its way.
    private struct Negotiated: Equatable {
        var outcome: Reading<ProtocolID?, WireError>
        var reply: ByteBuffer
        /// Bytes that belong to the protocol agreed on; nothing where there is none.
        var surplus: ByteBuffer
    }

    private static func sameInPieces(
        _ input: ByteBuffer,
        _ negotiate: ([ByteBuffer]) -> Negotiated
    ) throws(BrokenPromise) {
        let whole = negotiate(input.pieces(single: true))
        let split = negotiate(input.pieces(single: false))
        try promise(whole == split, "a negotiation depends on how its bytes are split: \(whole) and \(split)")
    }

    private static func dialer(_ pieces: [ByteBuffer]) -> Negotiated {
        var dialer = MultistreamDialer(proposing: "/noise", then: ["/tls/1.0.0", "/plaintext/2.0.0"])
        return Self.negotiate(pieces) { (received, reply) throws(WireError) in
            try dialer.receive(&received, reply: &reply)
        }
    }

    private static func listener(_ pieces: [ByteBuffer]) -> Negotiated {
        var listener = MultistreamListener()
        return Self.negotiate(pieces) { (received, reply) throws(WireError) in
            try listener.receive(&received, reply: &reply) { ["/noise", "/echo"].contains($0) }
        }
    }

    private static func negotiate(
        _ pieces: [ByteBuffer],
        _ step: (inout ByteBuffer, inout ByteBuffer) throws(WireError) -> ProtocolID?
    ) -> Negotiated {
        var reply = ByteBuffer()
        var received = ByteBuffer()
        var agreed: ProtocolID?
        let outcome = Reading { () throws(WireError) -> ProtocolID? in
            for piece in pieces {
                received.writeImmutableBuffer(piece)
                if agreed == nil { agreed = try step(&received, &reply) }
            }
            return agreed
        }
        return Negotiated(outcome: outcome, reply: reply, surplus: agreed == nil ? ByteBuffer() : received)
    }

    private static func upgrade(_ role: ConnectionRole, _ pieces: [ByteBuffer]) -> PublicKey? {
        let handshake = NoiseHandshake(
            role: role,
            identity: .fixed,
            muxers: [ConnectionUpgrade.muxer],
            staticKey: .fixed,
            ephemeralKey: .fixed
        )
        var upgrade = ConnectionUpgrade(role: role, handshake: handshake)
        var reply = ByteBuffer()
        var received = ByteBuffer()
        do {
            try upgrade.start(into: &reply)
            for piece in pieces {
                received.writeImmutableBuffer(piece)
                if let identity = try upgrade.receive(&received, reply: &reply) { return identity }
            }
        } catch {
            // The caller closes the connection.
        }
        return nil
    }
}

extension Identity {
    /// The same in every run, so that an input means the same in every run.
    static let fixed = (try? Identity(seed: [UInt8](repeating: 7, count: 32))) ?? Identity()
}

extension NoiseKeyPair {
    static let fixed = NoiseKeyPair(secret: [UInt8](repeating: 9, count: 32))
}
