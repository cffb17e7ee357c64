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
    }

    /// Which tokens the last hop returns logits for.
    public enum Logits: String, Sendable {
        /// For none: the answer is hidden states `[1, 0, hidden]`. Every chunk of a prefill but the last asks so.
        case none
        /// For the step's last token, as `/kwaai/inference/1.0.0` always does.
        case last
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
        guard map["logits"] != nil else { return }
        guard let logits = Logits(rawValue: try map.text("logits")) else { throw map.wrong("logits") }
        self.logits = logits
    }

    func pack(into packer: inout MessagePackPacker) {
        packer.packMap(count: 7)
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
        packer.pack(self.logits.rawValue)
    }
}
