import NIOCore
import Testing

@testable import P2PWire

@Suite struct NoiseSessionTests {
    private let keys = ([UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 32))

    private func sender() -> NoiseSession {
        NoiseSession(sending: CipherState(key: self.keys.0), receiving: CipherState(key: self.keys.1))
    }

    private func receiver() -> NoiseSession {
        NoiseSession(sending: CipherState(key: self.keys.1), receiving: CipherState(key: self.keys.0))
    }

    @Test(arguments: 0..<20)
    func `messages arrive whole however they are split`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var sender = self.sender()
        var receiver = self.receiver()
        var sent: [UInt8] = []
        var wire = ByteBuffer()
        for _ in 0..<10 {
            let body = Array(repeating: random.bytes(upTo: 255), count: .random(in: 0...256, using: &random)).flatMap {
                $0
            }
            let start = NoiseSession.beginMessage(in: &wire)
            wire.writeBytes(body)
            try sender.seal(from: start, in: &wire)
            sent += body
        }
        var received: [UInt8] = []
        while wire.readableBytes > 0,
            var piece = wire.readSlice(length: min(wire.readableBytes, .random(in: 1...100_000, using: &random)))
        {
            var plaintext = ByteBuffer()
            try receiver.open(&piece, into: &plaintext)
            #expect(piece.readableBytes == 0)
            received += plaintext.readableBytesView
        }
        #expect(received == sent)
    }

    @Test func `never sends an empty message`() throws {
        var sender = self.sender()
        var wire = ByteBuffer()
        let start = NoiseSession.beginMessage(in: &wire)
        try sender.seal(from: start, in: &wire)
        #expect(wire.readableBytes == 0)
    }

    @Test func `takes an empty message for nothing`() throws {
        var cipher = CipherState(key: self.keys.0)
        var receiver = self.receiver()
        var wire = ByteBuffer(bytes: [0, 16])
        wire.writeBytes(try cipher.sealed([], authenticating: []))
        var plaintext = ByteBuffer()
        try receiver.open(&wire, into: &plaintext)
        #expect(plaintext.readableBytes == 0)
    }

    @Test func `a message too short for its tag ends the connection`() {
        var receiver = self.receiver()
        var wire = ByteBuffer(bytes: [0, 2, 7, 7])
        var plaintext = ByteBuffer()
        #expect(throws: WireError.self) { try receiver.open(&wire, into: &plaintext) }
    }

    @Test func `what was not authenticated is not handed on`() throws {
        var sender = self.sender()
        var receiver = self.receiver()
        var wire = ByteBuffer()
        let start = NoiseSession.beginMessage(in: &wire)
        wire.writeString("forged")
        try sender.seal(from: start, in: &wire)
        wire.setInteger(UInt8(ascii: "F"), at: 2)
        var plaintext = ByteBuffer()
        #expect(throws: WireError.self) { try receiver.open(&wire, into: &plaintext) }
        #expect(plaintext.readableBytes == 0)
    }

    @Test(arguments: 0..<50)
    func `random bytes never end the process`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var receiver = self.receiver()
        for _ in 0..<20 {
            let count = Int.random(in: 0...60, using: &random)
            var wire = ByteBuffer(bytes: (0..<count).map { _ in UInt8.random(in: 0...20, using: &random) })
            var plaintext = ByteBuffer()
            try? receiver.open(&wire, into: &plaintext)
        }
    }
}
