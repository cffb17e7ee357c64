package import NIOCore

/// The bound of everything that others can make `KademliaCore` hold, each with its reason (DESIGN.md §7).
package enum Limits {
    // MARK: Messages

    /// Bytes of an answer that we send: rust-libp2p refuses Kademlia messages above 16 KiB, length prefix included.
    package static let answerSize = 16 * 1024 - 8

    /// Bytes of a message that we read. go-libp2p answers with every address it knows of 20 peers, some hundred bytes
    /// each; its own bound of 4 MiB would let one message unfold into hundreds of megabytes of empty peers.
    package static let messageSize = 256 * 1024

    /// Peers taken from one list of a message: k for the closer ones, and no honest node sends more providers.
    package static let peersPerMessage = 128

    /// Addresses kept of one peer: enough for a few interfaces over both IP versions.
    package static let addressesPerPeer = 16

    /// Bytes of one address: a relayed address with two peer ids stays below.
    package static let addressSize = 256

    /// Bytes of the key of a provider record: a multihash with a 64-byte digest needs 66, go refuses more than 80.
    package static let providerKeySize = 80

    /// Bytes of the key of a value record, and of a FIND_NODE or GET request: py-libp2p's bound.
    package static let keySize = 128

    /// Bytes of a value: with its key and 20 peers it still fits an answer of `answerSize`.
    package static let valueSize = 8 * 1024

    // MARK: Routing

    /// Members of a bucket, and peers in an answer: the specification's k.
    package static let bucketSize = 20

    /// Newcomers that wait for a place in a full bucket: a few suffice, since lookups keep meeting new ones.
    package static let replacementsPerBucket = 5

    /// Requests that a member may fail in a row before it leaves: one failure may be a restart or a lost connection.
    package static let failuresBeforeRemoval = 2

    /// Members of a bucket, and of the whole table, from one network group: go-libp2p-kbucket's numbers.
    package static let groupMembersPerBucket = 2
    package static let groupMembers = 3

    // MARK: Lookups

    /// Peers of one network group among the k closest that a lookup settles on: go-libp2p's bound for an answer.
    package static let groupMembersPerLookup = 3

    /// Candidates that one lookup remembers: ten answers' worth, while only the closest k matter at the end.
    package static let lookupCandidates = 200

    /// Paths of a lookup that have no peer in common. Among 10,000 simulated nodes, a tenth of them liars who run many
    /// peers with chosen ids, one path finds 55 % of the records, two find 97 % and four all. A lookup without liars
    /// takes 30, 42 and 50 requests, in three, four and four rounds.
    package static let lookupPaths = 2

    /// Peers taken from one answer of a lookup: k, and the target itself.
    package static let peersPerAnswer = bucketSize + 1

    /// Failures among the peers that one peer named, for each that answered and one more, after which a lookup takes its
    /// word for nobody: of honest tables far fewer are outdated.
    package static let failuresPerSource = 6

    /// Peers of the own table that a lookup starts from: k, and as many again for when those fail.
    package static let lookupSeeds = 2 * bucketSize

    /// Requests that one lookup sends: several times what 10,000 nodes need, so that invented peers cannot keep it
    /// going.
    package static let lookupRequests = 256

    /// Requests of one lookup that widen it after failures: one to each of the k closest, and as many again to those
    /// whom that brings in.
    package static let wideningRequests = 2 * bucketSize

    /// How long one lookup may take, whatever its peers do: rust-libp2p's bound.
    package static let lookupDuration = TimeAmount.seconds(60)

    /// Providers taken from one answer: our own nodes and rust-libp2p name no more.
    package static let providersPerAnswer = 20

    /// Providers that one search collects: as many as k holders of a key may name.
    package static let providersPerSearch = bucketSize * providersPerAnswer

    // MARK: Rates

    /// Requests of one peer: sixteen lookups at once that each ask it twice, many times over, and then more than a busy
    /// coordinator sends for hours. An answer takes some ten microseconds to make.
    package static let requestAllowance = RequestLimiter.Allowance(burst: 512, perSecond: 50)

    /// Announcements of one peer: all the keys that it may have here at once, and all of them anew within five minutes.
    package static let provisionAllowance = RequestLimiter.Allowance(burst: Double(keysPerProvider), perSecond: 1)

    /// Values put by one peer: its own, and as many of others that it found stale; each costs a verified signature.
    package static let valueAllowance = RequestLimiter.Allowance(burst: Double(2 * recordsPerSigner), perSecond: 0.5)

    /// Peers whose rates are remembered: as many as may be connected.
    package static let limitedPeers = 1_024

    // MARK: Stores

    /// Keys with provider records: 64 models of 128 blocks.
    package static let providerKeys = 1_024

    /// Providers of one key. Readers get a random 20 of them, so that a popular range spreads its load.
    package static let providersPerKey = 256

    /// Keys that one peer may be listed under: 16 models of 128 blocks.
    package static let keysPerProvider = 256

    /// Value records in total, as rust-libp2p has it.
    package static let records = 1_024

    /// Records that one peer may have signed: nobody may fill the store alone.
    package static let recordsPerSigner = 32
}
