internal import Metrics

/// What the hosts of this process count, through swift-metrics.
enum HostCounters {
    private static let receivedBytes = Counter(label: "kwaai_network_received_bytes_total")
    private static let sentBytes = Counter(label: "kwaai_network_sent_bytes_total")
    private static let bans = Counter(label: "kwaai_bans_total")

    /// Bytes came over a socket, encrypted and framed.
    static func received(_ bytes: Int) { self.receivedBytes.increment(by: bytes) }

    static func sent(_ bytes: Int) { self.sentBytes.increment(by: bytes) }

    /// A peer or a network was banned, by whoever runs this process or for what it did.
    static func banned() { self.bans.increment() }
}
