/// The bound of everything that others can make `Coordinator` hold, each with its reason (DESIGN.md §7).
package enum Limits {
    /// Prompt tokens in one pass: what a block server runs as one; at a hidden size of 4,096 their f16 activations
    /// fill half of the 4 MiB that a message may have.
    package static let prefillChunk = 256

    /// Tokens of a vocabulary from which a draw may be made on the thread of the connections.
    package static let briefVocabulary = 8192

    /// Tokens for which a conversation reserves KV-cache at first: some turns of a chat. It reserves anew when it grows.
    package static let conversationTokens = 2048

    /// Node records fetched for one chain: enough for a model of 126 blocks held twice, little enough to dial.
    package static let candidates = 256

    /// Peers dialled at once while looking for node records (DESIGN.md §4).
    package static let concurrentDials = 16

    /// How long the lookups of providers may take: peers that the DHT names and that keep silent cost ten seconds each.
    package static let lookupTime = Duration.seconds(10)

    /// How long the lookups for somebody else may take in the middle of a generation: the reader waits, and those who were
    /// just lost may be among the nodes that the DHT asks.
    package static let replacementLookupTime = Duration.seconds(2)

    /// For so long nobody new is expected, so that a search without success is not repeated.
    package static let searchInterval = Duration.seconds(5)

    /// How long discovery asks for node records (DESIGN.md §4).
    package static let discoveryTime = Duration.seconds(3)

    /// For how many times as long it goes on while a block has no holder and some have not been asked: peers that liars made
    /// up take two seconds each, sixteen at a time, and a search that ends on them fails for want of honest ones.
    package static let discoveryRounds = 4

    /// How long one provider may take to be dialled and to answer with its record; records are hints (DESIGN.md §4).
    package static let recordTime = Duration.seconds(2)

    /// Pings of each near peer with which a plan is explained, beside the first: enough that one slow one is no matter.
    package static let pingsOfPlan = 7

    /// Bytes of logits asked for at once: what fits a message of 4 MiB with the rest of it.
    package static let logitBytes = 4 * 1024 * 1024 - 8192

    /// How often a peer with an outstanding step is pinged (DESIGN.md §7).
    package static let pingInterval = Duration.milliseconds(500)

    /// A peer from which no frame of any kind came for so long is lost (DESIGN.md §7).
    package static let silence = Duration.seconds(2)

    /// A step may take this long as long as its peer shows signs of life; a machine that swaps is slow, not lost.
    package static let stepTime = Duration.seconds(600)

    /// How long closing a session on a hop may take: it is a courtesy, the hop's idle eviction does it otherwise.
    package static let closeTime = Duration.seconds(2)

    /// How much longer than the others' those hops' sessions may take that were left before: most are gone.
    package static let farewellTime = Duration.milliseconds(200)

    /// How long a step waits for a peer that answers `busy` before the generation fails.
    package static let busyTime = Duration.seconds(30)

    /// The shortest wait after `busy`, whatever the peer advises: it must not make us hammer at its door.
    package static let shortestRetryMilliseconds: UInt32 = 50

    /// How long to wait after `busy` when the peer does not say.
    package static let defaultRetryMilliseconds: UInt32 = 250

    /// Bytes of activations that a span is given at once when it is given them again: a block server answers as many,
    /// within the 4 MiB that a message may have.
    package static let replayedBytes = 4 * 1024 * 1024 - 64 * 1024
}
