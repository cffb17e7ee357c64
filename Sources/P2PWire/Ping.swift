/// `/ipfs/ping/1.0.0`: 32 bytes, which come back unchanged, as often as the dialler likes (libp2p specification, ping).
package enum Ping {
    package static let protocolID: ProtocolID = "/ipfs/ping/1.0.0"
    package static let payloadLength = 32

    /// Bytes that nobody can answer without having received them.
    package static func payload() -> [UInt8] {
        Sodium.randomBytes(count: self.payloadLength)
    }
}
