/// The bound of everything that others can make `P2PWire` hold, each with its reason (DESIGN.md §7).
package enum Limits {
    /// Bytes of a serialised public key: an RSA key of 8192 bits takes 1064.
    package static let publicKeyLength = 2048

    /// Bits of an RSA key. Below 2048 it can be forged, above 8192 verifying it costs the listener too much; go-libp2p
    /// draws the same lines.
    package static let rsaBits = 2048...8192

    /// Bytes of a key that a peer id carries whole instead of hashed (peer-ids specification).
    package static let inlineKeyLength = 42

    /// Characters of a peer id as text: the longest form, an inline key as base32, takes 74.
    package static let peerIDTextLength = 128

    /// Bytes of one multiaddr: a relayed address with two peer ids and a long DNS name takes about 400.
    package static let multiaddrLength = 1024

    /// Bytes of a DNS name (RFC 1035).
    package static let dnsNameLength = 253

    /// Bytes of a signed envelope: 8 KiB is what Identify accepts as a whole, and nothing else here is larger.
    package static let envelopeLength = 128 * 1024

    /// Bytes of an Identify message that we send, its length included: rust-libp2p refuses more.
    package static let identifySentLength = 4096

    /// Bytes of one Identify message that we read: twice what implementations send.
    package static let identifyReceivedLength = 8192

    /// Identify messages on one stream: go-libp2p splits a long one, into at most ten.
    package static let identifyMessageCount = 10

    /// Addresses that we remember of one peer's word, as go-libp2p does.
    package static let learnedAddressCount = 500

    /// Protocols that we remember of one peer: several times as many as a busy node serves.
    package static let learnedProtocolCount = 500
}
