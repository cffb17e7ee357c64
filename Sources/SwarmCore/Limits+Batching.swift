/// What a block server's passes are made of.
extension Limits {
    /// Steps that are ready or in a pass: what a machine gets through in a few seconds. Fewer than a server reads at a
    /// time, so that whoever is refused hears `busy` and when to come back, rather than that its stream was reset.
    package static let queuedSteps = 96

    /// Of one peer: a gateway's, and no more than half, so that no one peer makes all others hear `busy`.
    package static let queuedStepsOfPeer = 48

    /// Tokens of a step that decodes: one, or a few where a coordinator guesses ahead. Such steps are never cut.
    package static let decodingTokens = 16

    /// The fewest rows of a prefill's portion: with fewer, reading the weights takes longer than multiplying.
    package static let smallestPortion = 16

    /// A prefill's portion before any pace was measured.
    package static let firstPortion = 64

    /// How long a pass with a prefill's portion in it may take while somebody decodes: the longest gap between two
    /// tokens that still reads as flowing.
    package static let longestStall = Duration.milliseconds(50)

    /// Passes without a decoding step after which nobody decodes: a generation comes back after one pass of each hop.
    package static let passesSinceDecoding = 8

    /// Passes that a peer with a step ready lets others lead, whatever it has had.
    package static let passesOver = 64

    /// Rows that usually take as long as reading the weights does.
    package static let rowsOfReading = 8

    /// The most rows of a pass that tells what reading and a row cost.
    package static let measuredRows = 16

    /// What a pass that is saved is worth at most, in passes.
    package static let passesSaved = 6.0

    /// How many passes more it is worth for each second that passes wait for a processor of every second that they have one.
    /// Measured on eight generations over three hops that share two cores, before the usual contention was taken off: with 6
    /// they run 3.05 times the tokens a second of one, with 12 3.25 times, with 20 3.3 times, within a few per cent.
    package static let passesOfContention = 20.0

    /// What passes take, for each second that they have a processor, where nobody else wants it: their threads wait for each
    /// other, too.
    package static let usualContention = 1.05

    /// What reading the weights of a span takes at least where a pass waits for company: a timer is late by a tenth of it.
    package static let shortestGathering = Duration.milliseconds(1)

    /// Peers of which it is remembered that they were waited for in vain, before those without a session are forgotten: there
    /// are no more with one.
    package static let doubtedPeers = sessions

    /// How often the sessions of such a peer come back at most before they are waited for again: a wait is a stall at most, so
    /// this leaves a hundredth of others' time to it.
    package static let returnsOfDoubt = 64

    /// Longer away than this, nobody is between two tokens.
    package static let longestAbsence = Duration.seconds(2)

    /// Rows that a peer is behind the others at most after it had more: a pass.
    package static let owedRows = 256
}
