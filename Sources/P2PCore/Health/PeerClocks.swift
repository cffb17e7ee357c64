import P2PWire

extension Host {
    /// How much later than here it is at each connected peer that tells the time.
    ///
    /// A peer numbers the signed record that it sends on connecting with the nanoseconds since 1970. That is its time of
    /// day only where the record is made for the occasion, as this software does; others may have made theirs long ago,
    /// so that only a record from the future tells something.
    ///
    /// - Parameter elapsed: How long ago the peers connected, at most: what a record may be older than now.
    package func clockOffsets(elapsed: Duration) -> [Duration] {
        let now = unixNanoseconds()
        return self.connectedPeers.compactMap { peer in
            guard let sequence = self.identification(of: peer)?.recordSequence else { return nil }
            return Self.clockOffset(
                of: sequence,
                now: now,
                elapsed: elapsed,
                isFresh: self.identification(of: peer)?.agentVersion.hasPrefix("kwaai-") ?? false
            )
        }
    }

    /// - Parameters:
    ///   - sequence: The number of a peer's record.
    ///   - isFresh: Whether the peer made it when it was asked.
    static func clockOffset(of sequence: UInt64, now: UInt64, elapsed: Duration, isFresh: Bool) -> Duration? {
        // A counter of another kind is no time of this century.
        guard (Limits.earliestClock...Limits.latestClock).contains(sequence) else { return nil }
        let difference = Duration.nanoseconds(Int64(sequence) - Int64(now))
        if difference > .zero { return difference }
        guard isFresh else { return nil }
        // It was that much earlier when the record was made.
        return min(difference + elapsed, .zero)
    }
}
