public import Logging
public import Model
internal import NIOCore
public import ShardProtocol

extension BlockServer {
    /// What a block server is to be; fixed once it is made.
    public struct Configuration: Sendable {
        /// The blocks to serve; where there are ``choices``, those to begin with in a swarm of which nothing is known.
        public var range: BlockRange
        /// The ranges that this server may choose from, by what the swarm needs most; empty where its owner chose, whose
        /// word stands.
        public var choices: [BlockRange] = []
        /// How long a server that chooses waits for the announcements of others that start with it.
        public var settleTime = Duration.seconds(3)
        /// How long a server that chooses stays at most before it looks whether it is needed elsewhere (`specs/swarm.md` §1).
        public var longestStay = Duration.seconds(240)
        /// Bytes for the KV-caches of all sessions together.
        public var kvMemory = 2 << 30
        /// Threads that compute, the caller's included.
        public var threads = System.coreCount
        /// How long sessions may go on once the server drains.
        public var drainTimeout = Duration.seconds(30)
        /// How often neighbours are looked up and pinged.
        public var neighbourInterval = Duration.seconds(120)
        /// The program's name and version, as node records tell it.
        public var version = "kwaai-swift"
        /// What the owner calls the node; node records tell it.
        public var name: String?
        public var logger = Logger(label: "block-server")

        public init(range: BlockRange) {
            self.range = range
        }

        /// Finds out, before anything listens or loads, whether this server can serve `model`.
        ///
        /// - Throws: `wrongRange` when the range does not lie in the model, `tooLittleMemory` when not even one page of
        ///   one session would fit.
        public func check(_ model: ModelDirectory) throws(BlockServerError) {
            for range in [self.range] + self.choices { try self.check(range, model) }
        }

        private func check(_ range: BlockRange, _ model: ModelDirectory) throws(BlockServerError) {
            let blockCount = model.configuration.blockCount
            guard range.upperBound <= blockCount else {
                throw BlockServerError(
                    .wrongRange,
                    "\(model.name) has \(blockCount) blocks, so it has no blocks \(range);"
                        + " serve a range within 0..\(blockCount)"
                )
            }
            let pageBytes = model.configuration.kvBytes(blocks: range.indices, tokens: KVCache.pageTokens)
            guard self.kvMemory >= pageBytes else {
                throw BlockServerError(
                    .tooLittleMemory,
                    "a session of \(KVCache.pageTokens) tokens needs \(pageBytes) bytes for blocks \(range), and there"
                        + " are only \(self.kvMemory) for KV-caches; give more with --kv-memory, or serve fewer blocks"
                )
            }
        }
    }

    public enum State: String, Equatable, Sendable {
        /// `run` was not called yet.
        case created
        /// Loading weights, or testing itself.
        case joining
        case online
        /// Finishing its sessions.
        case draining
        case stopped
    }

    /// What a person wants to see of a server.
    public enum Event: Equatable, Sendable {
        /// A server that chooses has chosen these blocks, or others than before; it is going to load them.
        case chose(BlockRange)
        /// The swarm needs the server elsewhere: it takes no new sessions, and then loads other blocks.
        case moving(to: BlockRange)
        /// The part of the weights that is loaded and hashed, 0...1.
        case loading(Double)
        /// The weights are there; a forward pass through them is being checked.
        case testing
        /// The server takes sessions.
        case online(blocksPerSecond: Double)
        /// Other peers that took the announcement of the range.
        case announced(holders: Int)
        case draining
        case stopped
    }
}
