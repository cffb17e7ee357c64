public import P2PWire

/// What a request says beyond `/kwaai/inference/1.0.0`: the extension `x/1` in the key `x`, which others ignore.
///
/// Source: DESIGN.md §5; the bytes stand in WIRE.md.
public struct StepExtension: Sendable, Hashable {
    public enum Operation: String, Sendable {
        /// Run the payload through `blocks`.
        case step
        /// End the session and free its KV-cache; the payload is empty.
        case close
        /// Forget the step of this number if it has not begun; the payload is empty and nothing is answered. Only on a
        /// stream of `/kwaai/inference/1.1.0`.
        case cancel
        /// Take the session's steps from another hop, or push them on to another; the payload is empty. Only on a stream of
        /// `/kwaai/inference/1.1.0`.
        case open
    }

    /// Which tokens the last hop returns logits for.
    public enum Logits: Sendable, Hashable {
        /// For none: the answer is hidden states `[1, 0, hidden]`. Every chunk of a prefill but the last asks so.
        case none
        /// For the step's last token, as `/kwaai/inference/1.0.0` always does.
        case last
        /// For so many of its last tokens, at least one: `[1, count, vocabulary]`. Only over `/kwaai/inference/1.1.0`.
        case final(UInt32)
        /// For every token of the step: `[1, tokens, vocabulary]`.
        case every
    }

    public var operation: Operation
    /// The span to run, within the peer's range; the same in every step of a session.
    public var blocks: BlockRange
    /// Rises with every new step of the session; a retry repeats its number, and an older one is refused.
    public var step: UInt32
    /// Whether a position below the session's length is meant: the session is cut back to it first.
    public var rollback: Bool
    /// How many tokens the session will hold at most; nil when unknown. KV-cache is reserved up to it.
    public var maxTokens: UInt32?
    public var logits: Logits
    /// The numbers of the same step on the hops after this one: each pushes its output to the next.
    public var push: [UInt32] = []
    /// Whether the session takes pushes from nobody from now on, until the next ``Operation/open``.
    public var refusesPushes = false
    /// With ``Operation/open``: the hop whose pushes are steps of this session.
    public var predecessor: PeerID?
    /// With ``Operation/open``: where the session's steps are pushed on to.
    public var successor: PushTarget?
    /// In a push: whose session it is.
    public var coordinator: PeerID?

    public init(
        operation: Operation = .step,
        blocks: BlockRange,
        step: UInt32,
        rollback: Bool = false,
        maxTokens: UInt32? = nil,
        logits: Logits = .last
    ) {
        self.operation = operation
        self.blocks = blocks
        self.step = step
        self.rollback = rollback
        self.maxTokens = maxTokens
        self.logits = logits
    }

    /// How node records name this extension.
    public static let name = "x/1"
}

extension StepExtension {
    init(_ value: MessagePackValue) throws(ShardError) {
        let map = try MessagePackMap(value, name: "the request's x")
        guard let operation = Operation(rawValue: try map.text("op")) else { throw map.wrong("op") }
        let lower = try map.number("start_block", as: Int.self)
        let upper = try map.number("end_block", as: Int.self)
        guard let blocks = try? BlockRange(lower, upper) else { throw map.wrong("start_block and end_block") }
        self.operation = operation
        self.blocks = blocks
        self.step = try map.number("step", as: UInt32.self)
        self.rollback = try map.boolean("rollback", default: false)
        self.maxTokens = try map.optional("max_tokens", as: UInt32.self)
        self.logits = .last
        if map["logits"] != nil { self.logits = try Self.logits(map) }
        for value in try map.array("push", limit: Limits.pushedHops) {
            guard case .unsigned(let number) = value, let step = UInt32(exactly: number) else {
                throw map.wrong("push")
            }
            self.push.append(step)
        }
        self.refusesPushes = try map.boolean("refuse_pushes", default: false)
        self.predecessor = try map.optionalPeer("from")
        if let target = map["to"] { self.successor = try PushTarget(target) }
        self.coordinator = try map.optionalPeer("coordinator")
    }

    private static func logits(_ map: MessagePackMap) throws(ShardError) -> Logits {
        switch map["logits"] {
        case .string("none"): return .none
        case .string("last"): return .last
        case .string("every"): return .every
        case .unsigned(let number):
            guard let count = UInt32(exactly: number), count > 0 else { throw map.wrong("logits") }
            return .final(count)
        default: throw map.wrong("logits")
        }
    }

    func pack(into packer: inout MessagePackPacker) {
        let extras = [
            !self.push.isEmpty, self.refusesPushes, self.predecessor != nil, self.successor != nil,
            self.coordinator != nil,
        ]
        packer.packMap(count: 7 + extras.count { $0 })
        packer.pack("op")
        packer.pack(self.operation.rawValue)
        packer.pack("start_block")
        packer.pack(UInt64(self.blocks.lowerBound))
        packer.pack("end_block")
        packer.pack(UInt64(self.blocks.upperBound))
        packer.pack("step")
        packer.pack(self.step)
        packer.pack("rollback")
        packer.pack(self.rollback)
        packer.pack("max_tokens")
        if let maxTokens = self.maxTokens { packer.pack(maxTokens) } else { packer.packNil() }
        packer.pack("logits")
        switch self.logits {
        case .none: packer.pack("none")
        case .last: packer.pack("last")
        case .final(let count): packer.pack(count)
        case .every: packer.pack("every")
        }
        self.packPush(into: &packer)
    }

    private func packPush(into packer: inout MessagePackPacker) {
        if !self.push.isEmpty {
            packer.pack("push")
            packer.packArray(count: self.push.count)
            for step in self.push { packer.pack(step) }
        }
        if self.refusesPushes {
            packer.pack("refuse_pushes")
            packer.pack(true)
        }
        if let predecessor = self.predecessor {
            packer.pack("from")
            packer.pack(binary: predecessor.bytes)
        }
        if let successor = self.successor {
            packer.pack("to")
            successor.pack(into: &packer)
        }
        if let coordinator = self.coordinator {
            packer.pack("coordinator")
            packer.pack(binary: coordinator.bytes)
        }
    }
}
