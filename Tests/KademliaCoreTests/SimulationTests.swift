import KademliaSimulation
import Testing

@testable import KademliaCore

/// A thousand nodes in memory. The bound on rounds: log₂(1,000) ≈ 10 at the worst, when nodes are missing; with all of
/// them there each round gains several bits, so half of that.
@Suite struct SimulationTests {
    @Test func `in 1,000 nodes every lookup finds the k closest, in at most log2(n) / 2 rounds`() {
        var network = Simulation(nodeCount: 1_000, seed: 1)
        let report = network.lookups(200)
        #expect(report.lookupCount == 200)
        #expect(report.exactCount == 200)
        #expect(report.maximumRounds <= 5)
        #expect(report.meanRequests < 45)
    }

    /// The tables still name everybody who is gone: a fifth of the requests fail. log₂(1,000) + 2 ≈ 12 rounds.
    @Test(arguments: [UInt64(1), 2, 3])
    func `right after 20 % vanished every lookup finds the k closest living, in at most log2(n) + 2 rounds`(
        seed: UInt64
    ) {
        var network = Simulation(nodeCount: 1_000, seed: seed)
        network.remove(fraction: 0.2)
        let report = network.lookups(200)
        #expect(report.lookupCount == 200)
        #expect(report.exactCount == 200)
        #expect(report.maximumRounds <= 12)
        #expect(report.meanRounds < 7)
        #expect(report.meanRequests < 70)
    }

    /// Half of every answer is wrong then: a neighbourhood of the dead can hide somebody.
    @Test func `right after half of them vanished hardly any lookup misses one of the k closest living`() {
        var network = Simulation(nodeCount: 1_000, seed: 1)
        network.remove(fraction: 0.5)
        let report = network.lookups(200)
        #expect(report.exactCount >= 196)
        #expect(report.closestFoundCount == 200)
    }

    @Test func `with 20 % gone, after one refresh, every lookup finds the k closest again`() {
        var network = Simulation(nodeCount: 1_000, seed: 1)
        network.remove(fraction: 0.2)
        network.refresh()
        let report = network.lookups(200)
        #expect(report.exactCount == 200)
        #expect(report.maximumRounds <= 5)
    }

    @Test func `rounds grow with the logarithm of the network`() {
        var rounds: [Double] = []
        for nodeCount in [125, 500, 2_000] {
            var network = Simulation(nodeCount: nodeCount, seed: 2)
            let report = network.lookups(60)
            #expect(report.exactCount == 60)
            rounds.append(report.meanRounds)
        }
        // Four times the nodes are two bits more: at most one round.
        #expect(rounds[1] - rounds[0] <= 1)
        #expect(rounds[2] - rounds[1] <= 1)
    }

    @Test func `nodes that joined one after another know each other well enough`() {
        var network = Simulation(joining: 150, seed: 3)
        let report = network.lookups(100)
        #expect(report.exactCount == 100)
        #expect(report.maximumRounds <= 5)
    }

    /// An hour in which about as many nodes come, and as many go, as there are. What was announced at its beginning has run out
    /// after half of it: what is found then has been announced anew, by nodes that have been there all along.
    @Test func `while nodes come and go, lookups find the closest, and readers what is provided`() {
        var network = Simulation(nodeCount: 150, seed: 1)
        let report = network.endure(Churn(minutes: 60, meanSession: 60))
        #expect(report.arrivalCount > 100)
        #expect(report.lookups.lookupCount == 120)
        #expect(report.lookups.closestFoundCount == 120)
        #expect(report.lookups.exactCount >= 118)
        #expect(report.records.recordCount == 60)
        #expect(report.records.foundCount == 60)
    }

    @Test func `while nodes come and go, and a tenth lies, readers find what is provided`() {
        var network = Simulation(nodeCount: 150, seed: 1, adversary: Adversary())
        let report = network.endure(Churn(minutes: 60, meanSession: 60))
        #expect(report.arrivalCount > 90)
        #expect(report.records.recordCount == 60)
        #expect(report.records.foundCount == 60)
    }

    @Test func `a network of fewer nodes than k finds them all`() {
        var network = Simulation(nodeCount: 7, seed: 4)
        #expect(network.lookups(20).exactCount == 20)
    }

    @Test func `without anybody left a lookup ends`() {
        var network = Simulation(nodeCount: 2, seed: 5)
        network.remove(fraction: 0.5)
        #expect(network.lookups(5).exactCount == 5)
    }
}
