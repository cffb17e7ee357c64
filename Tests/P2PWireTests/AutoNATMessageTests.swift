import Testing

@testable import P2PWire

@Suite struct AutoNATMessageTests {
    private static let address: [UInt8] = [4, 1, 2, 3, 4, 6, 0x12, 0xc1]

    /// Bytes that follow from the specification's .proto by hand.
    private static func goldens() throws -> [(AutoNATMessage, [UInt8])] {
        [
            (
                .dialRequest(addresses: [try Multiaddr("/ip4/1.2.3.4/tcp/4801")], nonce: 0x0102_0304_0506_0708),
                [0x0a, 19, 0x0a, 8] + Self.address + [0x11, 8, 7, 6, 5, 4, 3, 2, 1]
            ),
            (.dialResponse(.dialed(addressIndex: 2, .ok)), [0x12, 8, 0x08, 0xc8, 1, 0x10, 2, 0x18, 0xc8, 1]),
            (.dialResponse(.dialed(addressIndex: 0, .dialError)), [0x12, 5, 0x08, 0xc8, 1, 0x18, 100]),
            (.dialResponse(.dialed(addressIndex: 0, .dialBackError)), [0x12, 5, 0x08, 0xc8, 1, 0x18, 101]),
            (.dialResponse(.rejected), [0x12, 2, 0x08, 100]),
            (.dialResponse(.refused), [0x12, 2, 0x08, 101]),
            (.dialResponse(.internalError), [0x12, 0]),
            (.dialDataRequest(addressIndex: 1, byteCount: 30_000), [0x1a, 6, 0x08, 1, 0x10, 0xb0, 0xea, 1]),
            (.dialData(byteCount: 3), [0x22, 5, 0x0a, 3, 0, 0, 0]),
        ]
    }

    @Test func `writes and reads the bytes of the specification`() throws {
        for (message, bytes) in try Self.goldens() {
            #expect(message.bytes == bytes)
            #expect(try AutoNATMessage(bytes: bytes) == message)
        }
    }

    @Test func `an address that cannot be read keeps its place`() throws {
        let bytes: [UInt8] =
            [0x0a, 24, 0x0a, 3, 0xff, 0xff, 0x7f, 0x0a, 8] + Self.address + [0x11] + [9, 0, 0, 0, 0, 0, 0, 0]
        let expected = AutoNATMessage.dialRequest(addresses: [nil, try Multiaddr("/ip4/1.2.3.4/tcp/4801")], nonce: 9)
        #expect(try AutoNATMessage(bytes: bytes) == expected)
    }

    @Test func `looks at a bounded number of addresses`() throws {
        let address = try Multiaddr("/ip4/1.2.3.4/tcp/1")
        let many = AutoNATMessage.dialRequest(
            addresses: [Multiaddr?](repeating: address, count: Limits.autoNATAddresses + 1),
            nonce: 1
        )
        guard case .dialRequest(let addresses, _) = try AutoNATMessage(bytes: many.bytes) else {
            Issue.record("another message")
            return
        }
        #expect(addresses.count == Limits.autoNATAddresses)
    }

    @Test func `refuses what says nothing, unknown codes and what is too long`() throws {
        let unknownStatus: [UInt8] = [0x12, 3, 0x08, 0xc9, 1]
        let unknownDialStatus: [UInt8] = [0x12, 5, 0x08, 0xc8, 1, 0x18, 99]
        let unusedDialStatus: [UInt8] = [0x12, 3, 0x08, 0xc8, 1]
        for bytes in [[], [0x0a], [0x2a, 0], unknownStatus, unknownDialStatus, unusedDialStatus] {
            #expect(throws: WireError.self) { try AutoNATMessage(bytes: bytes) }
        }
        #expect {
            try AutoNATMessage(bytes: [UInt8](repeating: 0, count: Limits.autoNATMessage + 1))
        } throws: {
            ($0 as? WireError)?.code == .tooLarge
        }
    }

    @Test func `a dial back is its nonce, and is answered with the empty message`() throws {
        let bytes: [UInt8] = [0x09, 8, 7, 6, 5, 4, 3, 2, 1]
        #expect(DialBack(nonce: 0x0102_0304_0506_0708).bytes == bytes)
        #expect(try DialBack(bytes: bytes).nonce == 0x0102_0304_0506_0708)
        #expect(DialBack.response.isEmpty)
        #expect(throws: WireError.self) { try DialBack(bytes: [0x09, 1]) }
        let long = [UInt8](repeating: 0, count: Limits.autoNATDialBack + 1)
        #expect(throws: WireError.self) { try DialBack(bytes: long) }
    }

    @Test func `random and mutated bytes never crash the reader`() throws {
        var generator = SeededGenerator(seed: 4)
        for (_, bytes) in try Self.goldens() {
            for _ in 0..<200 {
                var mutated = bytes
                mutated[Int.random(in: mutated.indices, using: &generator)] = .random(
                    in: .min ... .max,
                    using: &generator
                )
                _ = try? AutoNATMessage(bytes: mutated)
                _ = try? AutoNATMessage(bytes: mutated.prefix(Int.random(in: 0...mutated.count, using: &generator)))
            }
        }
    }
}
