package import NIOCore
package import P2PWire

/// The bytes of one `/kwaai/node/1.0.0` answer: the responder's own record, then records that others signed, each a
/// signed envelope behind its length as a uvarint, until the stream ends.
package enum NodeRecordAnswer {
    /// Writes `own` and as many of `others` as the bounds allow: of the same model, still fresh, not by the same peer.
    package static func encode(
        own: SignedNodeRecord,
        others: some Sequence<SignedNodeRecord>,
        now: UnixTime
    ) -> ByteBuffer {
        var answer = ByteBuffer()
        answer.writeUVarintPrefixed(own.envelope)
        var count = 0
        for other in others
        where other.peer != own.peer && other.record.modelKey == own.record.modelKey && other.isFresh(at: now) {
            let size = other.envelope.count + UVarint.maximumByteCount
            guard count < Limits.otherNodeRecords, answer.readableBytes + size <= Limits.nodeRecordAnswer else { break }
            answer.writeUVarintPrefixed(other.envelope)
            count += 1
        }
        return answer
    }

    /// Reads an answer of `responder`: its own record first, then those of others that can be verified, one per peer.
    ///
    /// A passed-on record that is broken or stale is dropped, since the responder did not write it.
    ///
    /// - Throws: `ShardError` when the first record is missing, broken, stale or not the responder's own.
    package static func decode(
        _ bytes: ByteBuffer,
        from responder: PeerID,
        now: UnixTime
    ) throws(ShardError) -> [SignedNodeRecord] {
        var rest = bytes
        guard let first = try Self.nextEnvelope(&rest) else {
            throw .malformed("\(responder) answered without a node record")
        }
        let own = try SignedNodeRecord(verifying: first, now: now)
        guard own.peer == responder else {
            throw ShardError(code: .badRecord, message: "\(responder) answered with a node record of \(own.peer)")
        }
        var others: [SignedNodeRecord] = []
        for _ in 0..<Limits.otherNodeRecords {
            guard let envelope = try Self.nextEnvelope(&rest) else { break }
            guard let other = try? SignedNodeRecord(verifying: envelope, now: now), other.peer != responder,
                other.record.modelKey == own.record.modelKey
            else { continue }
            others.append(other)
        }
        return [own] + others.latestByPeer().values.sorted { $0.peer < $1.peer }
    }

    /// The next envelope; nil at the end and when the last one is cut off.
    private static func nextEnvelope(_ bytes: inout ByteBuffer) throws(ShardError) -> [UInt8]? {
        do {
            let slice = try bytes.readUVarintPrefixedSlice(limit: Limits.nodeRecordAnswer)
            return slice.map { Array($0.readableBytesView) }
        } catch {
            throw .malformed("a node record's length is malformed: \(error.message)")
        }
    }
}
