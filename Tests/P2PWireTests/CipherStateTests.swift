import Testing

@testable import P2PWire

@Suite struct CipherStateTests {
    /// RFC 8439 §2.8.2 uses a nonce that Noise cannot form; this is what the first nonce gives, checked both ways.
    @Test func `opens what it sealed, each message under its own nonce`() throws {
        let key = [UInt8](0..<32)
        var sealer = CipherState(key: key)
        var opener = CipherState(key: key)
        let first = try sealer.sealed([1, 2, 3], authenticating: [9])
        let second = try sealer.sealed([1, 2, 3], authenticating: [9])
        #expect(first != second)
        let opened = [try opener.opened(first, authenticating: [9]), try opener.opened(second, authenticating: [9])]
        #expect(opened == [[1, 2, 3], [1, 2, 3]])
    }

    @Test func `refuses any changed bit`() throws {
        let key = [UInt8](0..<32)
        var sealer = CipherState(key: key)
        let sealed = try sealer.sealed([1, 2, 3], authenticating: [])
        for bit in 0..<sealed.count * 8 {
            var opener = CipherState(key: key)
            var changed = sealed
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: WireError.self) { try opener.opened(changed, authenticating: []) }
        }
    }

    @Test func `refuses what it should not have authenticated`() throws {
        var sealer = CipherState(key: [UInt8](0..<32))
        var opener = CipherState(key: [UInt8](0..<32))
        let sealed = try sealer.sealed([], authenticating: [1])
        #expect(throws: WireError.self) { try opener.opened(sealed, authenticating: [2]) }
    }

    @Test func `refuses what is shorter than a tag`() {
        var opener = CipherState(key: [UInt8](0..<32))
        #expect(throws: WireError.self) { try opener.opened([UInt8](repeating: 0, count: 15), authenticating: []) }
    }
}

extension CipherState {
    mutating func sealed(_ plaintext: [UInt8], authenticating data: [UInt8]) throws -> [UInt8] {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: plaintext.count + 16, alignment: 1)
        defer { bytes.deallocate() }
        bytes.copyBytes(from: plaintext)
        try self.seal(bytes, authenticating: data)
        return Array(bytes)
    }

    mutating func opened(_ ciphertext: [UInt8], authenticating data: [UInt8]) throws -> [UInt8] {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: ciphertext.count, alignment: 1)
        defer { bytes.deallocate() }
        bytes.copyBytes(from: ciphertext)
        try self.open(UnsafeRawBufferPointer(bytes), into: bytes, authenticating: data)
        return Array(bytes.dropLast(16))
    }
}
