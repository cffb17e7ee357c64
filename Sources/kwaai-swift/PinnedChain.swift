import ArgumentParser
import Coordinator
import P2PWire
import ShardProtocol

/// A chain as one argument: `ADDR@0..12,ADDR@12..24`.
struct PinnedChain: ExpressibleByArgument {
    let hops: [PinnedHop]

    init?(argument: String) {
        var hops: [PinnedHop] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "@", omittingEmptySubsequences: false)
            guard halves.count == 2,
                let address = try? Multiaddr(String(halves[0])),
                let blocks = try? BlockRange(String(halves[1]))
            else { return nil }
            hops.append(PinnedHop(address: address, blocks: blocks))
        }
        self.hops = hops
    }
}
