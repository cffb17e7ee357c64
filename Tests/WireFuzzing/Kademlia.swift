import KademliaCore
import NIOCore
import P2PWire

extension FuzzTarget {
    /// What strangers write into the distributed hash table.
    static let kademlia = [
        FuzzTarget("kademlia-message") { input throws(BrokenPromise) in
            guard let message = try? Message(bytes: input) else { return }
            try promise(
                message.closerPeers.count <= KademliaCore.Limits.peersPerMessage
                    && message.providerPeers.count <= KademliaCore.Limits.peersPerMessage
                    && (message.closerPeers + message.providerPeers)
                        .allSatisfy { $0.addresses.count <= KademliaCore.Limits.addressesPerPeer },
                "more peers or addresses were taken than may be"
            )
            let bytes = message.encoded(limit: KademliaCore.Limits.messageSize)
            try promise((try? Message(bytes: bytes)) == message, "a message changes when copied")
            let answer = message.encoded()
            try promise(answer.readableBytes <= KademliaCore.Limits.answerSize, "an answer of \(answer.readableBytes)")
        },
        FuzzTarget("kademlia-record") { input throws(BrokenPromise) in
            var choices = FuzzInput(input)
            let key = choices.bytes(Int(choices.byte())).array
            let record = Record(key: key, value: choices.remainder().array)
            guard let valid = try? ValidatedRecord(record) else { return }
            try promise(!valid.supersedes(valid), "a record is newer than itself")
        },
        // Signed by a peer that lies: what stands inside a sound envelope.
        FuzzTarget("kademlia-signed-value") { input throws(BrokenPromise) in
            guard let name = try? SignedValue.Name(peer: Identity.fixed.peerID, name: "a") else { return }
            let envelope = SignedEnvelope.seal(
                payload: input.array,
                payloadType: SignedValue.payloadType,
                domain: SignedValue.domain,
                by: .fixed
            )
            guard let value = try? SignedValue(Record(key: name.recordKey, value: envelope.bytes)) else { return }
            guard let sealed = try? value.sealed(by: .fixed) else { return }
            let copy = try? SignedValue(Record(key: name.recordKey, value: sealed))
            try promise(copy == value, "a signed value changes when copied")
        },
    ]
}
