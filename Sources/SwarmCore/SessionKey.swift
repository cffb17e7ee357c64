package import P2PWire
package import ShardProtocol

/// What names a session on a hop: another peer's session of the same number is another session (DESIGN.md §5).
package struct SessionKey: Hashable, Sendable {
    /// The coordinator, as Noise proved it.
    package var peer: PeerID
    package var session: SessionID

    package init(peer: PeerID, session: SessionID) {
        self.peer = peer
        self.session = session
    }
}

extension SessionKey: Comparable {
    package static func < (left: SessionKey, right: SessionKey) -> Bool {
        left.peer == right.peer ? left.session.rawValue < right.session.rawValue : left.peer < right.peer
    }
}

/// The shell's name for one request that waits for an answer.
package struct StepID: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// What a ledger needs to know of a request in order to decide on it.
package struct StepRequest: Hashable, Sendable {
    package var id: StepID
    /// Tokens of the sequence before this step.
    package var position: Int
    /// Tokens of this step.
    package var tokenCount: Int
    /// Tells one payload from another; only ever compared with others of this process.
    package var payload: Int
    package var blocks: BlockRange
    /// The coordinator's own number of the step; nil from plain 1.0.0 peers.
    package var number: UInt32?
    /// Whether a position below the session's length is meant.
    package var rollback: Bool
    /// How many tokens the session will hold at most, where the coordinator says so.
    package var maxTokens: Int?

    package init(
        id: StepID,
        position: Int,
        tokenCount: Int,
        payload: Int,
        blocks: BlockRange,
        number: UInt32? = nil,
        rollback: Bool = false,
        maxTokens: Int? = nil
    ) {
        self.id = id
        self.position = position
        self.tokenCount = tokenCount
        self.payload = payload
        self.blocks = blocks
        self.number = number
        self.rollback = rollback
        self.maxTokens = maxTokens
    }

    /// Whether both ask for the same thing, as a step and its retry do.
    package func repeats(_ other: StepRequest) -> Bool {
        self.position == other.position && self.tokenCount == other.tokenCount && self.payload == other.payload
            && self.blocks == other.blocks
    }
}

/// Why a step is not run.
package struct Refusal: Hashable, Sendable {
    package var code: ReplyCode
    /// Tokens that the session holds; 0 when it does not exist.
    package var have: Int
    package var retryAfter: Duration?

    package init(code: ReplyCode, have: Int = 0, retryAfter: Duration? = nil) {
        self.code = code
        self.have = have
        self.retryAfter = retryAfter
    }
}
