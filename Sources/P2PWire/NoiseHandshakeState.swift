/// The HandshakeState of the Noise specification (§5.3) for `Noise_XX_25519_ChaChaPoly_SHA256`:
///
///     -> e
///     <- e, ee, s, es
///     -> s, se
struct NoiseHandshakeState: ~Copyable {
    private enum Token {
        case e, s, ee, es, se
    }

    static let protocolName = "Noise_XX_25519_ChaChaPoly_SHA256"
    private static let pattern: [[Token]] = [[.e], [.e, .ee, .s, .es], [.s, .se]]

    private let role: ConnectionRole
    private let staticKey: NoiseKeyPair
    private let ephemeralKey: NoiseKeyPair
    private var symmetric: NoiseSymmetricState
    private var remoteEphemeral: [UInt8] = []
    /// The remote's static X25519 key, once its message has been read.
    private(set) var remoteStatic: [UInt8] = []
    private var messagesDone = 0

    /// - Parameters:
    ///   - ephemeralKey: Drawn for this handshake alone.
    ///   - prologue: libp2p has none.
    init(role: ConnectionRole, staticKey: NoiseKeyPair, ephemeralKey: NoiseKeyPair, prologue: [UInt8] = []) {
        self.role = role
        self.staticKey = staticKey
        self.ephemeralKey = ephemeralKey
        self.symmetric = NoiseSymmetricState(protocolName: Self.protocolName)
        self.symmetric.mixHash(prologue)
    }

    var isComplete: Bool { self.messagesDone == Self.pattern.count }

    /// Whether the next message is ours.
    var isOurTurn: Bool { !self.isComplete && (self.messagesDone % 2 == 0) == (self.role == .dialer) }

    /// The next message, which must be ours.
    mutating func write(payload: [UInt8]) throws(WireError) -> [UInt8] {
        precondition(self.isOurTurn)
        var message: [UInt8] = []
        for token in Self.pattern[self.messagesDone] {
            switch token {
            case .e:
                message += self.ephemeralKey.publicKey
                self.symmetric.mixHash(self.ephemeralKey.publicKey)
            case .s:
                message += try self.symmetric.encryptAndHash(self.staticKey.publicKey)
            case .ee, .es, .se:
                self.symmetric.mixKey(try self.sharedSecret(token))
            }
        }
        // An empty payload is mixed in all the same; leaving that out is the classic bug of the first message.
        message += try self.symmetric.encryptAndHash(payload)
        self.messagesDone += 1
        return message
    }

    /// Reads the remote's next message and returns its payload.
    ///
    /// - Throws: `protocolViolation` when it is not the remote's turn, `malformed` or `badSignature` for a bad message.
    mutating func read(_ message: [UInt8]) throws(WireError) -> [UInt8] {
        guard !self.isOurTurn, !self.isComplete else {
            throw WireError(.protocolViolation, "the peer sent a Noise handshake message out of turn")
        }
        var rest = message[...]
        for token in Self.pattern[self.messagesDone] {
            switch token {
            case .e:
                self.remoteEphemeral = try Self.take(NoiseKeyPair.keyLength, from: &rest)
                self.symmetric.mixHash(self.remoteEphemeral)
            case .s:
                let key = try Self.take(NoiseKeyPair.keyLength + CipherState.tagLength, from: &rest)
                self.remoteStatic = try self.symmetric.decryptAndHash(key)
            case .ee, .es, .se:
                self.symmetric.mixKey(try self.sharedSecret(token))
            }
        }
        let payload = try self.symmetric.decryptAndHash(Array(rest))
        self.messagesDone += 1
        return payload
    }

    /// Ends the complete handshake and hands over the transport, once.
    consuming func split() -> NoiseSession {
        precondition(self.isComplete)
        let role = self.role
        let keys = self.symmetric.split()
        return switch role {
        case .dialer:
            NoiseSession(sending: CipherState(key: keys.initiator), receiving: CipherState(key: keys.responder))
        case .listener:
            NoiseSession(sending: CipherState(key: keys.responder), receiving: CipherState(key: keys.initiator))
        }
    }

    private func sharedSecret(_ token: Token) throws(WireError) -> [UInt8] {
        switch (token, self.role) {
        case (.es, .dialer), (.se, .listener): try self.ephemeralKey.sharedSecret(with: self.remoteStatic)
        case (.es, .listener), (.se, .dialer): try self.staticKey.sharedSecret(with: self.remoteEphemeral)
        case (.ee, _), (.e, _), (.s, _): try self.ephemeralKey.sharedSecret(with: self.remoteEphemeral)
        }
    }

    private static func take(_ count: Int, from bytes: inout ArraySlice<UInt8>) throws(WireError) -> [UInt8] {
        guard bytes.count >= count else {
            throw WireError(.malformed, "the peer sent a Noise handshake message that is too short")
        }
        defer { bytes = bytes.dropFirst(count) }
        return Array(bytes.prefix(count))
    }
}
