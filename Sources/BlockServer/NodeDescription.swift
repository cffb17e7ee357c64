internal import Model
internal import P2PWire
internal import ShardProtocol

/// What a node record of this server always says; the rest changes from one record to the next.
struct NodeDescription: Sendable {
    private let name: String
    private let modelKey: ModelKey
    private let fingerprint: [UInt8]
    /// The blocks that the server holds, or is going to.
    var range: BlockRange
    let blockCount: Int
    private let weightFormat: String
    private let version: String

    /// Reads the first bytes of every tensor, so it belongs on a thread that may wait for a disk.
    init(_ model: ModelDirectory, range: BlockRange, version: String) throws(BlockServerError) {
        do {
            self.fingerprint = try model.fingerprint()
            self.modelKey = try ModelKey(bytes: model.modelKey)
        } catch {
            throw BlockServerError(.unusableModel, "\(error)")
        }
        self.name = model.name
        self.range = range
        self.blockCount = model.configuration.blockCount
        self.weightFormat = model.weightFormat
        self.version = version
    }

    /// The provider keys under which the range is found.
    var announcementKeys: [[UInt8]] { Announcement.keys(model: self.modelKey, range: self.range) }

    /// The provider keys under which everybody is found who serves the model.
    var modelKeys: [[UInt8]] { Announcement.keys(model: self.modelKey, blockCount: self.blockCount) }

    /// The segments that hold the blocks before and after the range, where there are any.
    var neighbourKeys: [[UInt8]] {
        let blocks = [self.range.lowerBound - 1, self.range.upperBound]
        return blocks.compactMap { block in
            guard block < self.blockCount, let single = try? BlockRange(block, block + 1) else { return nil }
            return Announcement.keys(model: self.modelKey, range: single).first
        }
    }

    /// Whether a chain may go from one of the two to the other.
    func isNeighbour(_ other: NodeRecord) -> Bool {
        guard other.modelKey == self.modelKey else { return false }
        let before = other.range.indices.contains(self.range.lowerBound - 1)
        return before || other.range.indices.contains(self.range.upperBound)
    }

    /// Whether a chain may have blocks of both: the same weights, multiplied alike.
    func isAlike(_ other: NodeRecord) -> Bool {
        other.modelKey == self.modelKey && other.blockCount == self.blockCount && other.fingerprint == self.fingerprint
            && other.weightFormat == self.weightFormat && other.numerics == UInt32(clamping: Numerics.version)
    }

    func knows(_ other: NodeRecord) -> Bool { other.modelKey == self.modelKey }

    func record(
        _ state: NodeRecord.State,
        digests: [[UInt8]],
        blocksPerSecond: Double,
        freeKVBytes: Int,
        pings: [PeerID: Double],
        sequence: UInt64,
        now: UnixTime
    ) -> NodeRecord {
        NodeRecord(
            modelName: self.name,
            modelKey: self.modelKey,
            fingerprint: self.fingerprint,
            range: self.range,
            blockCount: self.blockCount,
            blockDigests: digests,
            weightFormat: self.weightFormat,
            numerics: UInt32(clamping: Numerics.version),
            state: state,
            blocksPerSecond: blocksPerSecond,
            freeKVBytes: UInt64(clamping: freeKVBytes),
            neighbourPings: pings,
            protocols: [
                InferenceRequest.protocolID.name, InferenceStream.protocolID.name, PushTarget.protocolID.name,
                NodeRecordExchange.protocolID.name,
            ],
            extensions: [StepExtension.name],
            version: self.version,
            sequence: sequence,
            expiry: now.advanced(bySeconds: Self.lifetimeSeconds)
        )
    }

    /// As long as provider records hold (DESIGN.md §4).
    private static let lifetimeSeconds: UInt64 = 30 * 60
}
