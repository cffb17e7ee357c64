package import NIOCore

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

    /// Bytes of a multihash: go-libp2p's bound for the key of a provider record, where a digest of 64 bytes takes 66.
    /// Characters of one as text: the longest form, hex, takes 160, and a CID has a few more.
    package static let multihashLength = 80
    package static let multihashTextLength = 256

    /// Bytes of one multiaddr: a relayed address with two peer ids and a long DNS name takes about 400.
    package static let multiaddrLength = 1024

    /// Bytes of a DNS name (RFC 1035).
    package static let dnsNameLength = 253

    /// Bytes of a DNS name as it is encoded (RFC 1035).
    package static let dnsEncodedNameLength = 255

    /// Bytes of a DNS message: what fits into a datagram of a local network with large frames (RFC 6762 §17).
    package static let dnsMessageLength = 9000

    /// Records of a DNS message: several times as many as a machine with many addresses sends.
    package static let dnsRecords = 256

    /// Characters of the random name under which a peer answers mDNS (libp2p specification: at least 32).
    package static let mdnsNameLength = 40

    /// Addresses that one peer tells by mDNS and that are taken of one, and peers that one datagram may name.
    package static let mdnsAddresses = 16
    package static let mdnsPeersPerMessage = 16

    /// The pause after the first question of mDNS; each next is three times as long, up to five minutes.
    package static let mdnsFirstInterval = TimeAmount.milliseconds(500)
    package static let mdnsInterval = TimeAmount.minutes(5)

    /// The pause between two answers, however many ask (RFC 6762 §6).
    package static let mdnsAnswerPause = TimeAmount.milliseconds(200)

    /// Seconds that others may remember an answer.
    package static let mdnsTimeToLive: UInt32 = 120

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

    /// Bytes of one multistream-select message; go-libp2p refuses longer ones too.
    package static let multistreamToken = 1024

    /// Refused proposals of one negotiation: more than any peer speaks, few enough that guessing is not worth it.
    package static let multistreamProposals = 64

    /// Credit in bytes that each direction of a stream starts with (Yamux specification).
    package static let initialWindow: UInt32 = 256 * 1024

    /// Bytes that one receive window may grow to, as in go-yamux: 16 MiB fill 1 Gbit/s over 130 ms.
    package static let maximumWindow: UInt32 = 16 * 1024 * 1024

    /// Bytes up to which a window grows for little: more only for round trips that need it.
    package static let readilyGrownWindow: UInt32 = 1024 * 1024

    /// Bytes that the receive windows of one connection may grow by, all together.
    package static let windowGrowth: UInt32 = 32 * 1024 * 1024

    /// Streams that the remote may have open on one connection; more are reset. Their first windows hold 64 MiB at most.
    package static let inboundStreams = 256

    /// Streams that we open on one connection: rust-yamux ends a connection at 512, both directions counted.
    package static let outboundStreams = 256

    /// Streams that the remote has not acknowledged; beyond that go-yamux resets and rust-yamux waits.
    package static let unacknowledgedStreams = 256

    /// Bytes of a DATA frame's body: with its header it fills one Noise message, and is far below the 1 MiB that
    /// rust-yamux refuses.
    package static let frameBody = 65519 - 12

    /// Bytes that a stream sends in its turn while others wait, so that a small answer never waits behind a tensor.
    package static let sharedQuantum = 16 * 1024

    /// A body is split to fill the rest of a Noise message only if that many bytes fit.
    package static let smallestSplit = 1024

    /// Bytes of unsent answers (pongs, acknowledgements, credit) at which no more is read from the remote: a peer that
    /// asks without reading the answers stops itself.
    package static let controlBacklog = 64 * 1024

    /// Bytes of an AutoNAT message, as in go-libp2p: 50 addresses, or one piece of data.
    package static let autoNATMessage = 8192

    /// Addresses of a dial request that are looked at, as in go-libp2p.
    package static let autoNATAddresses = 50

    /// Bytes of a dial back: a nonce takes nine.
    package static let autoNATDialBack = 1024

    /// Bytes that the dial of a foreign address costs the asker: more than the handshake costs whoever lives there
    /// (AutoNAT v2: 30 to 100 kB).
    package static let autoNATData: ClosedRange<UInt64> = 30_000...100_000

    /// Bytes of data in one AutoNAT message (AutoNAT v2).
    package static let autoNATDataPiece = 4096

    /// The fewest bytes of data in a message that is not the last, as in go-libp2p.
    package static let autoNATSmallestData = 100
}
