import NIOCore
import P2PWire

extension FuzzTarget {
    /// Who peers say that they are: keys, ids, signed records, Identify.
    static let identities = [
        FuzzTarget("public-key") { input throws(BrokenPromise) in
            var choices = FuzzInput(input)
            let signature = choices.bytes(Int(choices.byte())).array
            guard let key = try? PublicKey(protobuf: choices.remainder().array) else { return }
            try promise((try? PublicKey(protobuf: key.protobuf)) == key, "a key is not what its encoding says")
            let isSigned = key.isValidSignature(signature, for: Array("unsigned".utf8))
            try promise(!isSigned, "a signature came out of nothing")
        },
        FuzzTarget("peer-id") { input throws(BrokenPromise) in
            if let id = try? PeerID(bytes: input.array) {
                try promise(id.bytes == input.array, "a peer id is not its bytes")
                try Self.check(id)
            }
            if let id = try? PeerID(String(decoding: input.array, as: UTF8.self)) { try Self.check(id) }
        },
        FuzzTarget("signed-envelope") { input throws(BrokenPromise) in
            guard let envelope = try? SignedEnvelope(bytes: input.array) else { return }
            try promise((try? SignedEnvelope(bytes: envelope.bytes)) == envelope, "an envelope changes when copied")
            _ = try? PeerRecord(opening: envelope)
        },
        // Signed by a peer that lies: what stands inside a sound envelope.
        FuzzTarget("peer-record") { input throws(BrokenPromise) in
            let envelope = SignedEnvelope.seal(
                payload: input.array,
                payloadType: [0x03, 0x01],
                domain: "libp2p-peer-record",
                by: .fixed
            )
            guard let record = try? PeerRecord(opening: envelope) else { return }
            try promise(record.peerID == Identity.fixed.peerID, "a peer spoke for another")
            try promise((try? PeerRecord(opening: record.seal(by: .fixed))) == record, "a record changes when copied")
        },
        FuzzTarget("identify", Self.identify),
    ]

    private static func check(_ id: PeerID) throws(BrokenPromise) {
        try promise((try? PeerID(id.description)) == id, "the text of \(id) means another peer")
        // A key may be encoded in several ways, of which one alone makes its id.
        guard let key = id.publicKey, key.protobuf.elementsEqual(id.bytes.dropFirst(2)) else { return }
        try promise(key.peerID == id, "the key in \(id) is another peer's")
    }

    /// A whole exchange, at once and in pieces, and what is kept of it.
    private static func identify(_ input: ByteBuffer) throws(BrokenPromise) {
        let whole = Self.identifyMessage(input.pieces(single: true))
        let split = Self.identifyMessage(input.pieces(single: false))
        try promise(whole == split, "an Identify message depends on how its bytes are split")
        guard let message = whole.value else { return }
        try promise(
            message.listenAddresses.count <= P2PWire.Limits.learnedAddressCount
                && message.protocols.count <= P2PWire.Limits.learnedProtocolCount,
            "more was remembered than may be"
        )
        let framed = message.framed()
        try promise(framed.readableBytes <= P2PWire.Limits.identifySentLength, "a message is too long to send")
        if framed.readableBytes < P2PWire.Limits.identifySentLength / 2 {
            let copy = Self.identifyMessage([framed]).value
            try promise(copy == message, "an Identify message changes when copied: \(message)")
        }
        _ = try? Identification(message, from: Identity.fixed.peerID)
    }

    private static func identifyMessage(_ pieces: [ByteBuffer]) -> Reading<IdentifyMessage, WireError> {
        Reading { () throws(WireError) in
            var reader = IdentifyReader()
            for piece in pieces { try reader.received(piece) }
            return try reader.finish()
        }
    }
}
