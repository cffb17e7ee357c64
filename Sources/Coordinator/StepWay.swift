/// How steps go from hop to hop of a chain.
public enum StepWay: String, Sendable, CaseIterable {
    /// As `push` where that is not expected to take longer and hops can, else as `star`.
    case auto
    /// Each hop answers the coordinator, which sends on what it answered: a round trip for every hop.
    case star
    /// Each hop that can sends on to the next, and the last answers: one way for every hop, and one back.
    case push
}
