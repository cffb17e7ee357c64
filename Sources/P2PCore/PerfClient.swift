import NIOCore
public import P2PWire

/// How much went one way, and how long that took from the opening of the stream to its end.
public struct PerfMeasurement: Sendable, Equatable {
    public var bytes: UInt64
    public var duration: Duration

    public var bytesPerSecond: Double { Double(self.bytes) / max(self.duration / .seconds(1), 1e-9) }
}

/// When a measurement is over: at the first of both.
public struct PerfExtent: Sendable, Equatable {
    public var bytes: UInt64
    public var duration: Duration

    public init(bytes: UInt64, duration: Duration) {
        self.bytes = bytes
        self.duration = duration
    }
}

/// Measurements of a peer that serves `/perf/1.0.0` (libp2p specification, perf).
extension Host {
    /// Sends to a peer. What counts has arrived: the peer confirms the end.
    ///
    /// - Parameter progress: Hears how many bytes have been handed to the stream so far.
    /// - Throws: `unsupportedProtocol` when the peer does not serve it, `streamReset` when it has enough of it,
    ///   `timedOut` when it takes 30 s longer than `extent` to confirm.
    public func measureUpload(
        to peer: PeerInfo,
        _ extent: PerfExtent,
        progress: @escaping @Sendable (UInt64) -> Void = { _ in }
    ) async throws(P2PError) -> PerfMeasurement {
        let limit = extent.duration + Limits.perfGrace
        return try await withDeadline(limit, "the upload to \(peer.id)") { () async throws(P2PError) in
            let stream = try await self.openStream(.perf, to: peer)
            let start = ContinuousClock.now
            try await stream.write(ByteBuffer(integer: UInt64(0)))
            var sent: UInt64 = 0
            while sent < extent.bytes, ContinuousClock.now - start < extent.duration {
                let piece = PerfPayload.piece(atMost: extent.bytes - sent)
                try await stream.write(piece)
                sent += UInt64(piece.readableBytes)
                progress(sent)
            }
            try await stream.closeWrite()
            while let bytes = try await stream.read() {
                guard bytes.readableBytes == 0 else {
                    throw P2PError(.malformed, "\(peer.id) answered a measurement with bytes that nobody asked for")
                }
            }
            return PerfMeasurement(bytes: sent, duration: ContinuousClock.now - start)
        }
    }

    /// Receives from a peer.
    ///
    /// - Parameter progress: Hears how many bytes have arrived so far.
    /// - Throws: as ``measureUpload(to:_:progress:)`` does, and `unexpectedEnd` when the peer sends less than asked for.
    public func measureDownload(
        from peer: PeerInfo,
        _ extent: PerfExtent,
        progress: @escaping @Sendable (UInt64) -> Void = { _ in }
    ) async throws(P2PError) -> PerfMeasurement {
        let limit = extent.duration + Limits.perfGrace
        return try await withDeadline(limit, "the download from \(peer.id)") { () async throws(P2PError) in
            let stream = try await self.openStream(.perf, to: peer)
            let start = ContinuousClock.now
            try await stream.write(ByteBuffer(integer: extent.bytes))
            try await stream.closeWrite()
            var received: UInt64 = 0
            while let bytes = try await stream.read() {
                received += UInt64(bytes.readableBytes)
                progress(received)
                guard received <= extent.bytes else {
                    throw P2PError(.malformed, "\(peer.id) sent more bytes than it was asked for")
                }
                guard ContinuousClock.now - start < extent.duration else {
                    // The rest is of no use to anybody.
                    stream.reset()
                    return PerfMeasurement(bytes: received, duration: ContinuousClock.now - start)
                }
            }
            guard received == extent.bytes else {
                throw P2PError(.unexpectedEnd, "\(peer.id) sent \(received) of \(extent.bytes) bytes")
            }
            return PerfMeasurement(bytes: received, duration: ContinuousClock.now - start)
        }
    }
}
