import P2PWire
import Testing

@testable import KademliaCore

@Suite struct ValidatedRecordTests {
    private let identity = Sample.identity(1)

    private func publicKeyRecord() -> Record {
        Record(key: Array("/pk/".utf8) + self.identity.peerID.bytes, value: self.identity.publicKey.protobuf)
    }

    @Test func `a public key is stored under the peer id that it hashes to`() throws {
        #expect(try ValidatedRecord(self.publicKeyRecord()) == .publicKey)
        var other = self.publicKeyRecord()
        other.value = Sample.identity(2).publicKey.protobuf
        #expect(throws: KademliaError.self) { try ValidatedRecord(other) }
        other.value = []
        #expect(throws: KademliaError.self) { try ValidatedRecord(other) }
    }

    @Test func `a public key never supersedes another`() throws {
        let record = try ValidatedRecord(self.publicKeyRecord())
        #expect(!record.supersedes(record))
    }

    @Test(arguments: ["", "/", "/ipns/x", "/kwaai/x", "pk/x", "/V/x/y", "/pkx", "/v"])
    func `every other namespace is refused`(key: String) {
        let error = #expect(throws: KademliaError.self) {
            try ValidatedRecord(Record(key: Array(key.utf8), value: [1]))
        }
        #expect(error?.code == .unknownNamespace)
    }

    @Test func `a record beyond the bounds is refused`() {
        var record = self.publicKeyRecord()
        record.value = Array(repeating: 0, count: Limits.valueSize + 1)
        #expect(throws: KademliaError.self) { try ValidatedRecord(record) }
        record = self.publicKeyRecord()
        record.key += Array(repeating: 0, count: Limits.keySize)
        #expect(throws: KademliaError.self) { try ValidatedRecord(record) }
    }
}
