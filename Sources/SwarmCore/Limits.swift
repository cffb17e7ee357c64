/// The bound of everything that others can make `SwarmCore` hold, each with its reason (DESIGN.md §7).
package enum Limits {
    /// Sessions that one block server keeps; each costs some hundred bytes beside its KV-cache.
    package static let sessions = 1024

    /// Sessions of one peer: a busy gateway, and a quarter of all at most.
    package static let sessionsPerPeer = 256

    /// Steps of one session that wait behind the running one: a pipelined prefill sends a few ahead.
    package static let waitingSteps = 16

    /// Steps of a prefill that a hop is given before the first of them is answered: with three behind the one that runs, a
    /// round trip may take three times what a chunk takes before the hop waits.
    package static let stepsAhead = 4

    /// How often a hop is asked to push to the next one before steps take the long way for good: a connection may break,
    /// while two hops that cannot reach each other should not be asked for ever.
    package static let edgeAttempts = 3

    /// Steps that were pushed well after which one attempt more is granted: what a break costs at most, two seconds, is spread
    /// over as many tokens.
    package static let pushesPerBreak = 64

    /// How long a session may do nothing (DESIGN.md §5).
    package static let sessionIdle = Duration.seconds(600)

    /// How long a session outlives the loss of its peer's last connection (DESIGN.md §5).
    package static let sessionAfterConnectionLoss = Duration.seconds(60)

    /// How long a session above its peer's fair share must have done nothing before others may take its room: longer
    /// than the pauses of a generation that goes well, so that nobody is robbed between two tokens.
    package static let reclaimableAfter = Duration.seconds(5)

    /// The shortest and the longest advice when to ask again.
    package static let retryAfter = Duration.milliseconds(100)...Duration.seconds(5)

    /// Candidates that a plan looks at, a few times as many as the longest chain needs; it takes milliseconds.
    package static let candidates = 256

    /// By so much for every hop two estimates of a chain may differ and say nothing: pings on one network do.
    package static let pingError = Duration.milliseconds(1)

    /// Holders of each block after which a search for them stops asking (DESIGN.md §4).
    package static let holdersPerBlock = 2

    /// Sets of peers that agree on their weights, each of which is planned: more than eight peers can fall apart into (18).
    package static let weightGroups = 32

    /// Steps of the search for such sets, which liars could draw out: many times what an accident takes.
    package static let agreementSteps = 4096

    /// Peers whose speed is remembered, some hundred bytes each: several times as many as one plan looks at.
    package static let measuredPeers = 1024

    /// How long a measured figure holds; after that the peer's own word counts again, so that a machine which was once
    /// slow gets another chance.
    package static let figuresHold = Duration.seconds(600)

    /// In what time half of a peer's queue is taken to be gone when nobody asks it.
    package static let queueHalves = Duration.seconds(30)

    /// Peers whose failures are remembered: more than one plan looks at.
    package static let bannedPeers = 1024

    /// The first ban; each failure after one doubles it (`specs/swarm.md` §1).
    package static let shortestBan = Duration.seconds(15)

    /// Failures in a row that count: six doublings end at 16 minutes, long enough not to be bothered by a peer that is
    /// gone for good, short enough for one that is mended.
    package static let strikes = 7

    /// Bytes of activations that a chain keeps in order to give them to another peer: 4,096 tokens over four hops of a
    /// hidden size of 8,192. A sequence beyond it keeps its token ids alone; a loss then begins at the first block.
    package static let loggedBytes = 256 * 1024 * 1024

    /// The shortest wait for a step before another peer is looked for (DESIGN.md §7).
    package static let stepDeadline = Duration.seconds(2)

    /// A step may take so many times what the steps of its hop take (DESIGN.md §7).
    package static let deadlineFactor = 8

    /// What a token is taken to take on a hop that has run none: a machine that reads its weights from a disk.
    package static let unmeasuredPace = Duration.milliseconds(250)

    /// How long a hop that has run nothing yet may take for its first steps, however long they are, and twice as long after
    /// each search for somebody else: one that takes a prompt and stands still is left while a reader still waits.
    package static let unmeasuredDeadline = Duration.seconds(30)

    /// A late step for which nobody else was found is late again after as long as it has taken, or this: others may have come,
    /// and who answers pings and nothing else is not to be waited for without end.
    package static let longestPatience = Duration.seconds(60)

    /// Peers, or sessions on one, that are tried anew within one pass before it fails: in a swarm where half of the peers
    /// have gone unnoticed, one pass in a thousand would need more.
    package static let recoveryAttempts = 12

    /// Peers whose blocks are counted when one decides what to serve: as many as a plan looks at.
    package static let holdings = 256

    /// Rounds in which everybody is forecast to move; a few are enough unless a swarm starts from nothing.
    package static let rebalancingRounds = 64

    /// Tokens that a standby may lack: it is given so many at once, which costs its peer one pass over the weights, and a
    /// loss then costs no more than a short chunk.
    package static let standbyLag = 16

    /// Guessed tokens in one pass: the chance that all are right falls with each, and what a pass costs rises.
    package static let draftTokens = 8

    /// Passes without guesses after which one is tried again.
    package static let draftPause = 32
}
