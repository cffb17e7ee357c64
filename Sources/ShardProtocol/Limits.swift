package import P2PCore

/// The bound of everything that others can make `ShardProtocol` hold, each with its reason (DESIGN.md §7).
package enum Limits {
    /// The largest inference message that is accepted, in bytes: Rust nodes do not chunk their prefill and cap at this.
    package static let receivedMessage = 10 * 1024 * 1024

    /// The largest inference message that is sent, in bytes: the go daemon that most Rust nodes run takes 4 MiB together
    /// with the frame around it, and dies of more.
    package static let sentMessage = 4 * 1024 * 1024 - frameOverhead

    /// What a unary frame may weigh beyond its message, in bytes: call id, peer id, protocol name and field tags.
    package static let frameOverhead = 1024

    /// How long a caller may take to send its request once its stream is open, and to take its answer: 4 MiB over a
    /// slow line of 1 Mbit/s need 34 s. Without it idle streams would use up the permits.
    package static let transferTime = Duration.seconds(60)

    /// Steps of one stream that are on their way or unanswered: a pipelined prefill sends a few ahead, and a session lets as
    /// many wait. The next one is not read before an answer has left.
    package static let outstandingSteps = 16

    /// Tokens of those steps, after which no further one is read either: two chunks of a prefill, whose answers have 4 MiB at
    /// a hidden size of 4,096.
    package static let outstandingTokens = 512

    /// How long a stream may stay open without a step: as long as its session may do nothing (DESIGN.md §5).
    package static let streamIdle = Duration.seconds(600)

    /// Hops that one step is pushed through: as deep as chains of the deepest models get, in a frame that stays small.
    package static let pushedHops = 64

    /// Addresses of the hop that steps are pushed to: what a peer with several networks listens on.
    package static let pushAddresses = 8

    /// How long a hop may try to reach the one that it is to push to: beyond it the caller gives the steps itself.
    package static let pushDialTime = Duration.seconds(5)

    /// How long an answer waits for the push before it to leave, so that the copy for the log does not slow down what the next
    /// hop waits for: 600 KB at 10 Mbit/s. Beyond it the way is slow, and the coordinator shall not take the hop for it.
    package static let copyDelay = Duration.milliseconds(500)

    /// How often one coordinator may have this host open a stream to push on: eight generations a second over a chain, each
    /// of which loses a hop.
    package static let pushOpens = Rate(perSecond: 16, burst: 256)

    /// How often one coordinator may have this host dial somebody: a chain with a hop lost now and then, many times over.
    package static let pushDials = Rate(perSecond: 0.2, burst: 16)

    /// How often all of them together may.
    package static let allPushDials = Rate(perSecond: 4, burst: 128)

    /// Coordinators whose dials are counted apart.
    package static let pushDialers = 1024

    /// How deep a MessagePack value may nest: ours need 3 levels, and its reader recurses.
    package static let nesting = 16

    /// How many values one MessagePack tree may hold, the integer arrays of `data` aside: each takes 17 to 64
    /// bytes, so this is at most 4 MiB; the largest of ours, a node record with 1,024 block digests, needs 1,200.
    package static let treeValues = 64 * 1024

    /// Dimensions of a tensor: `[1, n, hidden]` has three.
    package static let rank = 4

    /// Bytes of an error text that is kept: enough for a sentence, too little for a flood of the log.
    package static let errorText = 1024

    /// Blocks of one model: the deepest published models have fewer than 200.
    package static let blocks = 1024

    /// Bytes of a model's, node's or extension's name in a node record.
    package static let name = 128

    /// Bytes of what an owner calls a node: it stands in a column of a table.
    package static let nodeName = 64

    /// Neighbours whose ping a node record may list (DESIGN.md §4).
    package static let neighbourPings = 16

    /// Protocols, and extensions, that a node record may list.
    package static let protocols = 32

    /// Records that one `/kwaai/node/1.0.0` answer carries beside the responder's own (DESIGN.md §4).
    package static let otherNodeRecords = 32

    /// Bytes of one `/kwaai/node/1.0.0` answer (DESIGN.md §4).
    package static let nodeRecordAnswer = 128 * 1024

    /// How far another peer's clock may be off (DESIGN.md §4).
    package static let clockSkewSeconds: UInt64 = 5 * 60

    /// The longest that a node record may promise to hold: provider records expire after 30 minutes, and a record
    /// that outlived them by far would only mislead.
    package static let recordLifetimeSeconds: UInt64 = 60 * 60

    /// Bytes of a call that leave for a peer that has not said yet what it speaks: a decode step of any model, and within
    /// what a stream may carry before its first credit.
    package static let hopefulCall = 64 * 1024
}
