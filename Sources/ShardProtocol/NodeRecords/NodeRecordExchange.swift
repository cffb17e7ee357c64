internal import NIOCore
public import P2PCore
public import P2PWire

/// The protocol over which a peer says what it is (DESIGN.md §4).
public enum NodeRecordExchange {
    public static let protocolID: ProtocolID = "/kwaai/node/1.0.0"
}

/// Serves `/kwaai/node/1.0.0`: to whoever opens a stream, writes this node's record and others it knows, and closes.
///
/// - Parameters:
///   - limit: streams served at a time; more are reset.
///   - records: this node's own record, and fresh verified ones of other nodes, the most useful first; nil, which resets
///     the stream, when there is none yet.
public func serveNodeRecords(
    on host: Host,
    limit: Int = 64,
    _ records: @escaping @Sendable () async -> (own: SignedNodeRecord, others: [SignedNodeRecord])?
) {
    host.handle(NodeRecordExchange.protocolID, limit: limit, limitPerPeer: max(1, limit / 8)) { stream in
        guard let (own, others) = await records() else { return stream.reset() }
        try await stream.write(NodeRecordAnswer.encode(own: own, others: others, now: .now()))
        try await stream.closeWrite()
    }
}

/// Asks a peer what it is, and what it knows of others.
///
/// - Parameter timeout: how long dialling and answering may take together; records are hints, so little.
/// - Returns: the peer's own record first, then verified ones of others for the same model.
/// - Throws: `ShardError`: `unreachable`, `unsupportedProtocol`, `timedOut`, `malformed`, `badRecord`, `tooLarge`.
public func fetchNodeRecords(
    from peer: PeerInfo,
    over host: Host,
    now: UnixTime,
    timeout: Duration = .seconds(2)
) async throws(ShardError) -> [SignedNodeRecord] {
    let bytes: ByteBuffer
    do throws(P2PError) {
        bytes = try await withDeadline(timeout, "the node record of \(peer.id)") { () async throws(P2PError) in
            try await readNodeRecordAnswer(from: peer, over: host)
        }
    } catch {
        throw ShardError(error, from: peer.id)
    }
    return try NodeRecordAnswer.decode(bytes, from: peer.id, now: now)
}

private func readNodeRecordAnswer(from peer: PeerInfo, over host: Host) async throws(P2PError) -> ByteBuffer {
    let stream = try await host.openStream(NodeRecordExchange.protocolID, to: peer)
    do throws(P2PError) {
        var answer = ByteBuffer()
        while var bytes = try await stream.read(), answer.readableBytes <= Limits.nodeRecordAnswer {
            answer.writeBuffer(&bytes)
        }
        guard answer.readableBytes <= Limits.nodeRecordAnswer else {
            throw P2PError(.limitReached, "the node records exceed \(Limits.nodeRecordAnswer) bytes")
        }
        await stream.close()
        return answer
    } catch {
        stream.reset()
        throw error
    }
}
