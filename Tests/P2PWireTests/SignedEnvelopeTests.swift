import Testing

@testable import P2PWire

@Suite struct SignedEnvelopeTests {
    private let identity = Identity()
    private var envelope: SignedEnvelope {
        .seal(payload: [1, 2, 3], payloadType: [9], domain: "test", by: self.identity)
    }

    @Test func `opens for the domain it was sealed for, after a trip over the wire`() throws {
        let received = try SignedEnvelope(bytes: self.envelope.bytes)
        #expect(received == self.envelope)
        let (signer, payload) = try received.open(domain: "test", payloadType: [9])
        #expect(signer == self.identity.publicKey && payload == [1, 2, 3])
    }

    @Test func `stays shut for another domain or another kind of payload`() {
        #expect { try self.envelope.open(domain: "tes", payloadType: [9]) } throws: {
            ($0 as? WireError)?.code == .badSignature
        }
        #expect { try self.envelope.open(domain: "test", payloadType: [8]) } throws: {
            ($0 as? WireError)?.code == .unsupported
        }
    }

    @Test func `no byte of it can be changed unnoticed`() {
        let bytes = self.envelope.bytes
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            let opened = try? SignedEnvelope(bytes: changed).open(domain: "test", payloadType: [9])
            #expect(opened == nil, "byte \(index)")
        }
    }

    @Test func `refuses an envelope beyond the bound`() throws {
        let overhead =
            SignedEnvelope.seal(
                payload: [UInt8](repeating: 0, count: 100_000),
                payloadType: [9],
                domain: "test",
                by: self.identity
            ).bytes.count - 100_000
        let fitting = [UInt8](repeating: 0, count: Limits.envelopeLength - overhead)
        let atBound = SignedEnvelope.seal(payload: fitting, payloadType: [9], domain: "test", by: self.identity)
        #expect(atBound.bytes.count == Limits.envelopeLength)
        #expect(try SignedEnvelope(bytes: atBound.bytes) == atBound)
        let over = SignedEnvelope.seal(payload: fitting + [0], payloadType: [9], domain: "test", by: self.identity)
        #expect { try SignedEnvelope(bytes: over.bytes) } throws: { ($0 as? WireError)?.code == .tooLarge }
    }
}
