/// How a step went, so that a coordinator need not read error texts.
public enum ReplyCode: String, Sendable, Hashable, CaseIterable {
    case ok
    /// No room, or too much waiting: try again after `retryAfterMilliseconds`, or elsewhere.
    case busy
    /// The session does not exist (any more): replay it under a new id.
    case unknownSession = "unknown_session"
    /// The position is not the session's length, which `have` says.
    case gap
    /// A newer step has been seen, so this one is a straggler.
    case staleStep = "stale_step"
    /// The node is loading its weights or testing itself.
    case warmingUp = "warming_up"
    /// The blocks asked for are not this node's, not this session's, or the payload does not fit them.
    case wrongRange = "wrong_range"
    /// The step exceeds the context or a bound.
    case tooLarge = "too_large"
    /// NaN, infinity, a token beyond the vocabulary, or a shape that does not fit.
    case badTensor = "bad_tensor"
    /// The request is not what the protocol says.
    case badRequest = "bad_request"
    case notAllowed = "not_allowed"
    /// The node is leaving and takes no new sessions.
    case draining
    /// The hop that steps are to be pushed on to cannot be reached from here: give it its steps yourself.
    case unreachable
    /// The caller took the step back before it began.
    case cancelled
    /// The step failed inside the node, whose fault it is.
    case failed
}

/// What a reply says beyond `/kwaai/inference/1.0.0`: the extension `x/1` in the key `x`, which others ignore.
public struct ReplyExtension: Sendable, Hashable {
    public var code: ReplyCode
    /// The number of the step that this answers, on a stream of `/kwaai/inference/1.1.0`; nil where each has its own.
    public var step: UInt32?
    /// Tokens that the session holds now; 0 when it does not exist.
    public var have: UInt32
    /// When to ask again after `busy`; nil otherwise.
    public var retryAfterMilliseconds: UInt32?
    /// How long the step waited before it began, in microseconds.
    public var queueMicroseconds: UInt64
    /// How long its blocks took, in microseconds.
    public var computeMicroseconds: UInt64
    /// Whether the node is about to go: the session can go on here for a moment, and should be replayed elsewhere.
    public var isDraining: Bool
    /// Whether the step was to be pushed on and was not: the next hop has to be given its input by the caller.
    public var isUnpushed = false

    public init(
        code: ReplyCode,
        step: UInt32? = nil,
        have: UInt32 = 0,
        retryAfterMilliseconds: UInt32? = nil,
        queueMicroseconds: UInt64 = 0,
        computeMicroseconds: UInt64 = 0,
        isDraining: Bool = false
    ) {
        self.code = code
        self.step = step
        self.have = have
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.queueMicroseconds = queueMicroseconds
        self.computeMicroseconds = computeMicroseconds
        self.isDraining = isDraining
    }
}

extension ReplyExtension {
    init(_ value: MessagePackValue) throws(ShardError) {
        let map = try MessagePackMap(value, name: "the reply's x")
        // A code of a later version is a failure all the same.
        self.code = ReplyCode(rawValue: try map.text("code")) ?? .failed
        self.step = try map.optional("step", as: UInt32.self)
        self.have = try map.optional("have", as: UInt32.self) ?? 0
        self.retryAfterMilliseconds = try map.optional("retry_after_ms", as: UInt32.self)
        self.queueMicroseconds = try map.optional("queue_us", as: UInt64.self) ?? 0
        self.computeMicroseconds = try map.optional("compute_us", as: UInt64.self) ?? 0
        self.isDraining = try map.boolean("draining", default: false)
        self.isUnpushed = try map.boolean("unpushed", default: false)
    }

    func pack(into packer: inout MessagePackPacker) {
        packer.packMap(count: 5 + (self.step == nil ? 0 : 1) + (self.isDraining ? 1 : 0) + (self.isUnpushed ? 1 : 0))
        packer.pack("code")
        packer.pack(self.code.rawValue)
        if let step = self.step {
            packer.pack("step")
            packer.pack(step)
        }
        packer.pack("have")
        packer.pack(self.have)
        packer.pack("retry_after_ms")
        if let delay = self.retryAfterMilliseconds { packer.pack(delay) } else { packer.packNil() }
        packer.pack("queue_us")
        packer.pack(self.queueMicroseconds)
        packer.pack("compute_us")
        packer.pack(self.computeMicroseconds)
        if self.isDraining {
            packer.pack("draining")
            packer.pack(true)
        }
        if self.isUnpushed {
            packer.pack("unpushed")
            packer.pack(true)
        }
    }
}
