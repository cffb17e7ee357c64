/// The lying nodes of a simulated network. They know each other, and the whole network.
public struct Adversary: Sendable {
    /// What a liar does. Whatever it is, it keeps no record and names no true provider.
    public enum Lie: Sendable, CaseIterable {
        /// Names only other liars, the closest to what is asked for.
        case collusion
        /// Names peers that do not exist, closer to what is asked for than anybody who does.
        case invention
        /// Names peers as close as those, who do exist: processes of the liar's with chosen ids, all in its network.
        case multiplication
        /// Answers that it knows nobody.
        case ignorance
        /// Does not answer.
        case silence
        /// Routes well, and forgets what it is given.
        case forgetting
        /// Routes well, and names providers that provide nothing.
        case falseProviders
    }

    /// Of all nodes.
    public var fraction: Double
    /// Dealt to the liars in turn.
    public var lies: [Lie]
    /// The networks (IPv4 /16) that the liars share; nil: each is somewhere, like the honest ones.
    public var networks: Int?

    public init(fraction: Double = 0.1, lies: [Lie] = Lie.allCases, networks: Int? = nil) {
        self.fraction = fraction
        self.lies = lies
        self.networks = networks
    }
}
