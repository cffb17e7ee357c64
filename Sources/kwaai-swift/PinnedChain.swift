import Coordinator
import P2PWire
import ShardProtocol

/// A chain as one argument: `ADDR@0..12,ADDR@12..24`.
struct PinnedChain {
    let hops: [PinnedHop]

    /// - Throws: an error that says which part is wrong.
    init(_ argument: String) throws {
        self.hops = try argument.split(separator: ",", omittingEmptySubsequences: false).map { part in
            let halves = part.split(separator: "@", omittingEmptySubsequences: false)
            guard halves.count == 2 else {
                throw UsageError("\"\(part)\" is not ADDRESS@FIRST..END; one looks like /ip4/10.0.0.2/tcp/4801@0..12")
            }
            return PinnedHop(address: try Multiaddr(String(halves[0])), blocks: try BlockRange(String(halves[1])))
        }
    }
}
