public import P2PCore
public import P2PWire

/// What a peer says of itself: which blocks of which model it holds, in what state, and how fast it is.
///
/// Kademlia carries who might hold a block, the peer itself says what it holds (DESIGN.md §4). The bytes stand in WIRE.md.
public struct NodeRecord: Sendable, Hashable {
    public enum State: String, Sendable {
        /// Loading its weights, or testing itself: not to be used yet.
        case joining
        case online
        /// Finishing its sessions and taking no new ones.
        case draining
    }

    /// The model's name for people.
    public var modelName: String
    public var modelKey: ModelKey
    /// 32 bytes: which weights these are, apart from other weights of the same architecture.
    public var fingerprint: [UInt8]
    public var range: BlockRange
    /// Blocks of the whole model.
    public var blockCount: Int
    /// The 32-byte digest of each block of `range`, in order; empty until the weights are loaded.
    public var blockDigests: [[UInt8]]
    /// How weights are multiplied: `f16`, `q8_0`, …; a chain has one.
    public var weightFormat: String
    /// Rises whenever any bit of a result may change; a chain has one (DESIGN.md §6).
    public var numerics: UInt32
    public var state: State
    /// Tokens times blocks that a decode step gets through in a second; 0 when not measured yet.
    public var blocksPerSecond: Double
    /// Bytes that new sessions may still reserve.
    public var freeKVBytes: UInt64
    /// Milliseconds of a round trip to holders of neighbouring blocks.
    public var neighbourPings: [PeerID: Double]
    /// Protocol ids that the node serves.
    public var protocols: [String]
    /// Extensions of them that it understands: `x/1`.
    public var extensions: [String]
    /// The node's software.
    public var version: String
    /// Of two records of one peer the one with the higher sequence holds.
    public var sequence: UInt64
    /// When the record ceases to hold.
    public var expiry: UnixTime
    /// What its owner calls the node; nil for one without a name.
    public var name: String?
    /// From how far away somebody has dialled the node; nil where it does not say.
    public var dialledFrom: Reachability.Origin?

    public init(
        modelName: String,
        modelKey: ModelKey,
        fingerprint: [UInt8],
        range: BlockRange,
        blockCount: Int,
        blockDigests: [[UInt8]] = [],
        weightFormat: String,
        numerics: UInt32,
        state: State,
        blocksPerSecond: Double = 0,
        freeKVBytes: UInt64 = 0,
        neighbourPings: [PeerID: Double] = [:],
        protocols: [String] = [],
        extensions: [String] = [],
        version: String,
        sequence: UInt64,
        expiry: UnixTime,
        name: String? = nil,
        dialledFrom: Reachability.Origin? = nil
    ) {
        self.modelName = modelName
        self.modelKey = modelKey
        self.fingerprint = fingerprint
        self.range = range
        self.blockCount = blockCount
        self.blockDigests = blockDigests
        self.weightFormat = weightFormat
        self.numerics = numerics
        self.state = state
        self.blocksPerSecond = blocksPerSecond
        self.freeKVBytes = freeKVBytes
        self.neighbourPings = neighbourPings
        self.protocols = protocols
        self.extensions = extensions
        self.version = version
        self.sequence = sequence
        self.expiry = expiry
        self.name = name
        self.dialledFrom = dialledFrom
    }

    /// Whether a node may be called so: 1 to 64 bytes that only show something.
    public static func isValid(name: String) -> Bool {
        (1...Limits.nodeName).contains(name.utf8.count) && name.isPrintable
    }

    /// Bytes of a fingerprint and of a block digest: SHA-256.
    public static let digestByteCount = 32

    /// Whether the node understands `x/1`, so that steps may name blocks, be retried and be rolled back.
    public var speaksStepExtension: Bool { self.extensions.contains(StepExtension.name) }

    /// Whether steps may share a stream: `/kwaai/inference/1.1.0`, which knows no step without the extension.
    public var speaksStreams: Bool {
        self.speaksStepExtension && self.protocols.contains(InferenceStream.protocolID.name)
    }

    /// Whether it passes steps on to other hops, and takes them from others: `/kwaai/push/1.0.0`.
    public var speaksPush: Bool {
        self.speaksStreams && self.protocols.contains(PushTarget.protocolID.name)
    }
}
