public import Logging
public import Model
internal import NIOCore
public import ShardProtocol

extension BlockServer {
    /// What a block server is to be; fixed once it is made.
    public struct Configuration: Sendable {
        /// The blocks to serve.
        public var range: BlockRange
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
            let blockCount = model.configuration.blockCount
            guard self.range.upperBound <= blockCount else {
                throw BlockServerError(
                    .wrongRange,
                    "\(model.name) has \(blockCount) blocks, so it has no blocks \(self.range);"
                        + " serve a range within 0..\(blockCount)"
                )
            }
            let pageBytes = model.configuration.kvBytes(blocks: self.range.indices, tokens: KVCache.pageTokens)
            guard self.kvMemory >= pageBytes else {
                throw BlockServerError(
                    .tooLittleMemory,
                    "a session of \(KVCache.pageTokens) tokens needs \(pageBytes) bytes for blocks \(self.range), and there"
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
