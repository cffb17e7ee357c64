import Testing

@testable import P2PWire

@Suite struct MultihashTests {
    /// SHA-256 of nothing.
    private static let hex = "1220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    @Test func `reads a CID of either version, in any base, as its multihash`() throws {
        let multihash = try Multihash(Self.hex)
        let raw = [0x01, 0x55] + multihash.bytes
        for text in [
            Multibase.base58btc(multihash.bytes), "f" + Multibase.base16(raw), "z" + Multibase.base58btc(raw),
            "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
        ] {
            #expect(try Multihash(text) == multihash)
        }
        #expect(multihash.description == Self.hex)
        #expect(try Multihash(Self.hex.uppercased()) == multihash)
    }

    @Test(arguments: [
        "", "1220", "1220e3", hex + "00", String(hex.dropLast()), String(hex.dropLast(2)), "Qm", "hello", "bafk", "f01",
        "0000", "zz", "b", "k", "ffffffffffffffffffffffff", String(repeating: "1", count: 300),
        "0050" + String(repeating: "00", count: 80),
    ])
    func `refuses text that is neither`(text: String) {
        #expect(throws: WireError.self) { try Multihash(text) }
    }

    @Test func `takes no more bytes than a provider record's key may have`() throws {
        let longest = [0x00, 78] + [UInt8](repeating: 1, count: 78)
        #expect(try Multihash(bytes: longest).bytes.count == Limits.multihashLength)
        #expect(throws: WireError.self) { try Multihash(bytes: [0x00, 79] + [UInt8](repeating: 1, count: 79)) }
    }
}
