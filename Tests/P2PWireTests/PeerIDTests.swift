import Testing

@testable import P2PWire

@Suite struct PeerIDTests {
    @Test(arguments: [
        "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA",
    ])
    func `prints the text that it was read from`(text: String) throws {
        #expect(try PeerID(text).description == text)
        #expect(try PeerID(bytes: PeerID(text).bytes).description == text)
    }

    @Test func `reads the CID of the specification as the same peer`() throws {
        let cid = try PeerID("bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe")
        #expect(cid == (try PeerID("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")))
    }

    @Test func `reads CIDs in base36 and base58btc`() throws {
        let id = try PeerID("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")
        let cid = [0x01, 0x72] + id.bytes
        #expect(try PeerID("z" + Multibase.base58btc(cid)) == id)
        #expect(try PeerID("k51qzi5uqu5dh71qgwangrt6r0nd4094i88nsady6qgd1dhjcyfsaqmpp143ab").bytes.count == 38)
    }

    @Test(arguments: [
        "", "1", "Qm", "12D3KooW", "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx50", "bafybeie", "k", "z", "hello",
        "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqx1",
    ])
    func `refuses text that is not a peer id`(text: String) {
        #expect {
            try PeerID(text)
        } throws: {
            // It says what one looks like.
            ($0 as? WireError)?.message.contains("12D3KooW") ?? false
        }
    }

    @Test func `refuses text beyond the bound unread`() {
        #expect(throws: WireError.self) { try PeerID(String(repeating: "1", count: Limits.peerIDTextLength + 1)) }
    }

    @Test func `takes keys of up to 42 bytes whole and no longer ones`() throws {
        #expect(try PeerID(bytes: [0, 42] + [UInt8](repeating: 7, count: 42)).bytes.count == 44)
        #expect(throws: WireError.self) { try PeerID(bytes: [0, 43] + [UInt8](repeating: 7, count: 43)) }
    }

    @Test(arguments: ["", "12", "1220", "1221", "0000", "000201", "00020102ff", "111400"])
    func `refuses bytes that are not the multihash of a key`(encoding: String) {
        #expect(throws: WireError.self) { try PeerID(bytes: bytes(hex: encoding)) }
    }

    @Test func `orders by bytes`() throws {
        let inline = try PeerID(bytes: [0, 1, 5])
        let hashed = try PeerID(bytes: [0x12, 0x20] + [UInt8](repeating: 0, count: 32))
        #expect(inline < hashed)
    }
}
