import NIOCore
import Testing

@testable import P2PWire

@Suite struct NoiseHandshakeTests {
    private let yamux: ProtocolID = "/yamux/1.0.0"
    private let mplex: ProtocolID = "/mplex/6.7.0"

    /// Runs a handshake to its end; what each side learned of the other.
    private func shake(
        _ dialerMuxers: [ProtocolID]?,
        _ listenerMuxers: [ProtocolID]?,
        _ dialerIdentity: Identity = Identity(),
        _ listenerIdentity: Identity = Identity()
    ) throws -> (dialer: NoiseHandshake.Remote?, listener: NoiseHandshake.Remote?) {
        var dialer = NoiseHandshake(role: .dialer, identity: dialerIdentity, muxers: dialerMuxers)
        var listener = NoiseHandshake(role: .listener, identity: listenerIdentity, muxers: listenerMuxers)
        var forth = ByteBuffer()
        var back = ByteBuffer()
        try dialer.start(into: &forth)
        try listener.start(into: &back)
        _ = try listener.receive(&forth, reply: &back)
        let listenerSeen = try dialer.receive(&back, reply: &forth)
        try dialer.confirm(into: &forth)
        let dialerSeen = try listener.receive(&forth, reply: &back)
        try listener.confirm(into: &back)
        #expect(back.readableBytes == 0)
        return (listenerSeen, dialerSeen)
    }

    @Test func `both sides learn who the other is`() throws {
        let (dialer, listener) = (Identity(), Identity())
        let seen = try self.shake(nil, nil, dialer, listener)
        #expect(seen.dialer == NoiseHandshake.Remote(identity: listener.publicKey, muxer: nil))
        #expect(seen.listener == NoiseHandshake.Remote(identity: dialer.publicKey, muxer: nil))
    }

    @Test func `the first message is a bare key`() throws {
        var dialer = NoiseHandshake(role: .dialer, identity: Identity(), muxers: [self.yamux])
        var bytes = ByteBuffer()
        try dialer.start(into: &bytes)
        #expect(bytes.readableBytes == 2 + 32)
        #expect(bytes.readInteger(as: UInt16.self) == 32)
    }

    @Test func `the dialer's order chooses the muxer`() throws {
        let seen = try self.shake([self.yamux, self.mplex], [self.mplex, self.yamux])
        #expect(seen.dialer?.muxer == self.yamux)
        #expect(seen.listener?.muxer == self.yamux)
    }

    @Test func `without both lists multistream chooses the muxer`() throws {
        let seen = try self.shake([self.yamux], nil)
        #expect(seen.dialer?.muxer == nil)
        #expect(seen.listener?.muxer == nil)
    }

    @Test func `no common muxer is a failure`() {
        #expect(throws: WireError.self) { try self.shake([self.yamux], [self.mplex]) }
    }

    @Test func `an identity that did not sign the static key is refused`() throws {
        let staticKey = NoiseKeyPair()
        var payload = NoisePayload(identity: Identity(), staticKey: NoiseKeyPair(), muxers: nil)
        let error = #expect(throws: WireError.self) { try payload.verifiedIdentity(staticKey: staticKey.publicKey) }
        #expect(error?.code == .badSignature)
        payload.identityKey = []
        #expect(throws: WireError.self) { try payload.verifiedIdentity(staticKey: staticKey.publicKey) }
    }

    @Test func `a payload survives the round trip and unknown fields`() throws {
        let payload = NoisePayload(identity: Identity(), staticKey: NoiseKeyPair(), muxers: [self.yamux, self.mplex])
        #expect(try NoisePayload(bytes: payload.bytes) == payload)
        #expect(try NoisePayload(bytes: payload.bytes + [0x1a, 1, 7]) == payload)
    }

    @Test(arguments: 0..<50)
    func `random bytes never end the process`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var listener = NoiseHandshake(role: .listener, identity: Identity(), muxers: nil)
        var reply = ByteBuffer()
        let count = Int.random(in: 0...200, using: &random)
        var bytes = ByteBuffer(bytes: [0, 32] + (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        _ = try? listener.receive(&bytes, reply: &reply)
    }
}
