import KademliaSimulation
import Testing

/// Every tenth node lies. The long form, 10,000 nodes and a table, is the benchmark `Routing`.
@Suite struct AdversaryTests {
    private func network(_ lies: [Adversary.Lie], networks: Int? = nil, paths: Int = 2) -> Simulation {
        var settings = Simulation.Settings()
        settings.paths = paths
        let adversary = Adversary(lies: lies, networks: networks)
        return Simulation(nodeCount: 400, seed: 1, adversary: adversary, settings: settings)
    }

    @Test(arguments: [
        Adversary.Lie.collusion, .invention, .ignorance, .silence, .forgetting, .falseProviders,
    ])
    func `with 10 % liars every lookup finds all the honest of the k closest, and every record is found`(
        lie: Adversary.Lie
    ) {
        var network = self.network([lie])
        let report = network.lookups(40)
        #expect(report.lookupCount == 40)
        #expect(report.honestFoundCount == 40)
        #expect(report.requests(at: 0.99) <= 150)
        let records = network.records(40)
        #expect(records.recordCount == 40)
        #expect(records.foundCount == 40)
    }

    /// Their ids are closer to every key than anybody's: what is left is a path that met none of them.
    @Test func `records survive liars who run many peers with chosen ids, more of them on two paths than on one`() {
        var (one, two) = (self.network([.multiplication], paths: 1), self.network([.multiplication]))
        let (before, after) = (one.records(60).foundCount, two.records(60).foundCount)
        #expect(before < 54)
        #expect(after >= 54)
    }

    @Test func `in four networks such liars hide no record even on one path`() {
        var network = self.network([.multiplication], networks: 4, paths: 1)
        #expect(network.records(40).foundCount == 40)
    }
}
