import P2PWire
import Testing

@testable import KademliaCore

@Suite struct SignedValueTests {
    private let identity = Sample.identity(1)

    private func value(_ sequence: UInt64, _ bytes: [UInt8], name: String = "motd") throws -> SignedValue {
        SignedValue(
            name: try SignedValue.Name(peer: self.identity.peerID, name: name),
            sequence: sequence,
            value: bytes
        )
    }

    private func record(_ value: SignedValue) throws -> Record {
        Record(key: value.name.recordKey, value: try value.sealed(by: self.identity))
    }

    @Test func `what was sealed can be opened`() throws {
        let value = try self.value(7, [1, 2, 3])
        #expect(try SignedValue(self.record(value)) == value)
        let empty = try self.value(0, [])
        #expect(try SignedValue(self.record(empty)) == empty)
    }

    /// Built by a few lines of Python around the openssl command, from the seed of 32 bytes 01.
    @Test func `golden bytes: the record that another implementation must make and accept`() throws {
        let golden =
            "0a24080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c120e2f6b776161692f76"
            + "616c75652f311a4a00000000000001023c2f762f313244334b6f6f574b3939566f56784e4537587a79427758457a5737"
            + "78684b37477076383572394633563366794b53554b5048352f6d6f746468656c6c6f2a407f19db06d55361398049eae4"
            + "486b02dd353e2f1be5a927a2e26b05327ca938fd0860348cd212d2498159239817c89295ed5765b18b6c59b858ca94c4"
            + "f6fa110b"
        let value = try self.value(258, Array("hello".utf8))
        let key = Array("/v/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5/motd".utf8)
        let sealed = try value.sealed(by: self.identity)
        #expect(value.name.recordKey == key)
        #expect(sealed.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() == golden)
        #expect(try SignedValue(Record(key: key, value: sealed)) == value)
    }

    @Test func `its key is text`() throws {
        let key = String(decoding: try self.value(1, []).name.recordKey, as: UTF8.self)
        #expect(key == "/v/\(self.identity.peerID)/motd")
    }

    @Test func `the payload is sequence, key and value`() throws {
        let value = try self.value(258, [0xaa])
        let envelope = try SignedEnvelope(bytes: try value.sealed(by: self.identity))
        let (signer, payload) = try envelope.open(domain: "kwaai-value", payloadType: Array("/kwaai/value/1".utf8))
        #expect(signer.peerID == self.identity.peerID)
        let key = value.name.recordKey
        #expect(payload == [0, 0, 0, 0, 0, 0, 1, 2, UInt8(key.count)] + key + [0xaa])
    }

    @Test func `a value cannot be moved to another name or another peer`() throws {
        let sealed = try self.value(1, [1]).sealed(by: self.identity)
        let otherName = try self.value(1, [1], name: "other").name.recordKey
        #expect(throws: KademliaError.self) { try SignedValue(Record(key: otherName, value: sealed)) }
        let otherPeer = try SignedValue.Name(peer: Sample.identity(2).peerID, name: "motd").recordKey
        #expect(throws: KademliaError.self) { try SignedValue(Record(key: otherPeer, value: sealed)) }
    }

    @Test func `any changed bit is noticed`() throws {
        let record = try self.record(self.value(1, [1, 2, 3]))
        for index in record.value.indices {
            var forged = record
            forged.value[index] ^= 1
            #expect(throws: KademliaError.self) { try SignedValue(forged) }
        }
    }

    @Test func `only the peer itself can publish under its name`() throws {
        let value = try self.value(1, [])
        #expect(throws: KademliaError.self) { try value.sealed(by: Sample.identity(2)) }
    }

    @Test func `a value that would not fit is refused when it is made`() throws {
        let value = try self.value(1, Array(repeating: 0, count: Limits.valueSize))
        #expect(throws: KademliaError.self) { try value.sealed(by: self.identity) }
    }

    @Test(arguments: ["", "a/b", "ü", "a b", String(repeating: "a", count: 65)])
    func `names are short and plain`(name: String) {
        #expect(throws: KademliaError.self) { try SignedValue.Name(peer: Sample.peerID(1), name: name) }
    }

    @Test func `one name has one key: other spellings of the peer id are refused`() throws {
        let peer = self.identity.peerID
        #expect(try SignedValue.Name(recordKey: Array("/v/\(peer)/a".utf8)).peer == peer)
        for key in ["/v/\(peer)", "/v/\(peer)/", "/v/\(peer)/a/b", "v/\(peer)/a", "/v/nobody/a", "/v//a"] {
            #expect(throws: KademliaError.self) { try SignedValue.Name(recordKey: Array(key.utf8)) }
        }
    }

    @Test func `the higher sequence counts, then the greater value`() throws {
        #expect(try self.value(2, [0]).supersedes(self.value(1, [9])))
        #expect(try !self.value(1, [9]).supersedes(self.value(2, [0])))
        #expect(try self.value(1, [9]).supersedes(self.value(1, [8, 8])))
        #expect(try !self.value(1, [9]).supersedes(self.value(1, [9])))
    }
}
