import NIOCore
import Testing

@testable import P2PWire

/// The vector of cacophony for `Noise_XX_25519_ChaChaPoly_SHA256`.
@Suite struct NoiseHandshakeStateTests {
    private static let prologue = "4a6f686e2047616c74"
    private static let initiatorStatic = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1"
    private static let initiatorEphemeral = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"
    private static let responderStatic = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893"
    private static let responderEphemeral = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"
    private static let handshake = [
        (
            "4c756477696720766f6e204d69736573",
            "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d69736573"
        ),
        (
            "4d757272617920526f746862617264",
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f14480884381cbad1f276e038c48378ffce2b65285"
                + "e08d6b68aaa3629a5a8639392490e5b9bd5269c2f1e4f488ed8831161f19b7815528f8982ffe09be9b5c412f8a0db50f"
                + "8814c7194e83f23dbd8d162c9326ad"
        ),
        (
            "462e20412e20486179656b",
            "c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a80ae475b9df0f169ae80a89be0865b57f"
                + "58c9fea0d4ec82a286427402f113e4b6ae769a1d95941d49b25030"
        ),
    ]
    private static let transport = [
        ("4361726c204d656e676572", "96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df"),
        ("4a65616e2d426170746973746520536179", "3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5"),
        (
            "457567656e2042f6686d20766f6e2042617765726b",
            "eb3f3515110702e047a6c9da4478b6ead94873c11c0f2d710ddb3f09fce024b3a58502ae3f"
        ),
    ]

    private static func state(_ role: ConnectionRole) -> NoiseHandshakeState {
        let isInitiator = role == .dialer
        return NoiseHandshakeState(
            role: role,
            staticKey: NoiseKeyPair(secret: bytes(hex: isInitiator ? self.initiatorStatic : self.responderStatic)),
            ephemeralKey: NoiseKeyPair(
                secret: bytes(hex: isInitiator ? self.initiatorEphemeral : self.responderEphemeral)
            ),
            prologue: bytes(hex: self.prologue)
        )
    }

    @Test func `writes and reads the published handshake and its transport`() throws {
        var initiator = Self.state(.dialer)
        var responder = Self.state(.listener)
        for (index, (payload, message)) in Self.handshake.enumerated() {
            let written: [UInt8]
            let read: [UInt8]
            if index % 2 == 0 {
                written = try initiator.write(payload: bytes(hex: payload))
                read = try responder.read(written)
            } else {
                written = try responder.write(payload: bytes(hex: payload))
                read = try initiator.read(written)
            }
            #expect(hex(written) == message)
            #expect(hex(read) == payload)
        }
        var first = initiator.split()
        var second = responder.split()
        for (index, (payload, ciphertext)) in Self.transport.enumerated() {
            var output = ByteBuffer()
            let start = NoiseSession.beginMessage(in: &output)
            output.writeBytes(bytes(hex: payload))
            // The responder speaks first after the third message.
            if index % 2 == 0 {
                try second.seal(from: start, in: &output)
            } else {
                try first.seal(from: start, in: &output)
            }
            #expect(hex(output.readableBytesView.dropFirst(2)) == ciphertext)
            var plaintext = ByteBuffer()
            if index % 2 == 0 {
                try first.open(&output, into: &plaintext)
            } else {
                try second.open(&output, into: &plaintext)
            }
            #expect(hex(plaintext.readableBytesView) == payload)
        }
    }

    @Test func `refuses a message out of turn`() throws {
        var initiator = Self.state(.dialer)
        #expect(throws: WireError.self) { try initiator.read([UInt8](repeating: 9, count: 32)) }
    }

    @Test func `refuses a key of low order`() throws {
        var responder = Self.state(.listener)
        _ = try responder.read([UInt8](repeating: 0, count: 32))
        #expect(throws: WireError.self) { try responder.write(payload: []) }
    }

    @Test(arguments: [0, 31])
    func `refuses a message that is too short for its key`(count: Int) {
        var responder = Self.state(.listener)
        #expect(throws: WireError.self) { try responder.read([UInt8](repeating: 1, count: count)) }
    }
}
