import NIOCore
import P2PWire

extension FuzzTarget {
    /// Answers of a name server, and datagrams of the local network.
    static let names = [
        FuzzTarget("dns-message") { input throws(BrokenPromise) in
            guard let message = try? DNSMessage(bytes: input) else { return }
            let copy = message.bytes()
            // Names that were compressed take more when they are written out.
            guard copy.readableBytes <= P2PWire.Limits.dnsMessageLength else { return }
            try promise((try? DNSMessage(bytes: copy)) == message, "\(message) changes when copied")
        },
        FuzzTarget("mdns") { input throws(BrokenPromise) in
            guard let own = try? PeerID("12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC"),
                let address = try? Multiaddr("/ip4/192.168.1.20/tcp/4801")
            else { return }
            let start = NIODeadline.uptimeNanoseconds(0)
            var names = Counter()
            var discovery = MulticastDiscovery(peer: own, addresses: [address], at: start, using: &names)
            for action in discovery.received(input, at: start + .seconds(1)) {
                switch action {
                case .send(let answer):
                    try promise((try? DNSMessage(bytes: answer)) != nil, "an answer that nobody can read")
                case .discovered(let peer):
                    try promise(peer.id != own, "it discovers itself")
                    try promise(peer.addresses.count <= P2PWire.Limits.mdnsAddresses, "\(peer) has too many addresses")
                    try promise(peer.addresses.allSatisfy { $0.ipAddress != nil }, "\(peer) is not of this network")
                }
            }
        },
    ]

    private struct Counter: RandomNumberGenerator {
        private var value: UInt64 = 0

        mutating func next() -> UInt64 {
            self.value &+= 0x9e37_79b9_7f4a_7c15
            return self.value
        }
    }
}
