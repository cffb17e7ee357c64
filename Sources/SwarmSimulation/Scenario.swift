internal import KademliaSimulation

/// A world, and what happens in it: all of it follows from a seed.
public struct Scenario: Sendable {
    public var seed: UInt64
    /// Of the DHT; some of them serve blocks, some generate.
    public var peers: Int
    public var servers: Int
    public var coordinators: Int
    public var generations: Int
    public var blockCount: Int
    /// How long generations begin and faults happen.
    public var duration: Duration
    /// Faults a minute, of all kinds together.
    public var faultsPerMinute: Double
    /// Of the servers.
    public var liars: Double
    /// Of the nodes of the DHT, which neither serve nor generate.
    public var dhtLiars: Double
    /// Of the servers that take many steps over one stream: those that push what they give to the next hop.
    public var pushers: Double
    public var packetLoss: Double
    public var longestWay: Duration
    /// Whether each block has a holder that never fails, that tells the truth, and that nobody is cut off from; it may be
    /// far away and slow. A generation then has no reason to fail.
    public var keepsHolders: Bool

    /// Draws everything else; a hard world and a mild one, a large network and a small one.
    public init(seed: UInt64, peers: Int = 100) {
        var random = SeededGenerator(seed: seed)
        self.seed = seed
        self.peers = peers
        self.servers = peers * Int.random(in: 15...40, using: &random) / 100
        self.coordinators = max(2, peers * Int.random(in: 3...8, using: &random) / 100)
        self.generations = min(max(20, peers * Int.random(in: 30...60, using: &random) / 100), 150)
        self.blockCount = Int.random(in: 4...24, using: &random)
        self.duration = .seconds(Int.random(in: 120...600, using: &random))
        let perServer = Double.random(in: 0...0.6, using: &random)
        self.faultsPerMinute = perServer * Double(self.servers)
        self.liars = [0, 0.1, 0.3].randomElement(using: &random) ?? 0
        self.dhtLiars = [0, 0.1].randomElement(using: &random) ?? 0
        self.pushers = [0.5, 0.9, 1].randomElement(using: &random) ?? 1
        self.packetLoss = [0, 0.001, 0.02].randomElement(using: &random) ?? 0
        self.longestWay = .milliseconds([2, 40, 150].randomElement(using: &random) ?? 40)
        self.keepsHolders = Bool.random(using: &random)
    }
}
