/// The bound of everything that others can make `BlockServer` hold, each with its reason (DESIGN.md §7).
package enum Limits {
    /// Steps that are read, waiting or running at a time: each holds a message of at most 10 MiB.
    package static let concurrentSteps = 128

    /// Streams of sessions at a time, one each: as many as there may be sessions.
    package static let sessionStreams = 1024

    /// Node record requests answered at a time; each takes a signature and a few hundred bytes.
    package static let concurrentRecords = 64

    /// Records of other nodes that are kept in order to be passed on: as many as one answer carries.
    package static let knownRecords = 32

    /// Peers asked for their node record in one round of looking around.
    package static let askedNeighbours = 64

    /// Asked at a time (DESIGN.md §4).
    package static let concurrentQuestions = 16

    /// Neighbours whose ping is measured and published (DESIGN.md §4).
    package static let pingedNeighbours = 16

    /// Bytes of an answer's values: what `/kwaai/inference/1.0.0` carries, less room for the rest of the message.
    package static let answerBytes = 4 * 1024 * 1024 - 4096

    /// Events that a slow subscriber may leave unread; older ones are dropped.
    package static let pendingEvents = 64

    /// Peers asked what they serve before a server chooses its blocks: as many as the choice counts.
    package static let surveyedPeers = 256

    /// How long the DHT is searched for them, and how long they are then asked: peers that keep silent cost seconds each,
    /// and a choice without them is put right by the next look.
    package static let surveyTime = Duration.seconds(5)

    /// Refusals that are told in a log within ``refusalTime``, whoever hears them: a page to read, and no disk is filled.
    package static let loggedRefusals = 60

    /// In what time a peer is told of once for each code.
    package static let refusalTime = Duration.seconds(60)
}
