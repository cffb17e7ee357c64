import NIOCore
import P2PWire

extension FuzzTarget {
    /// Where peers say that they are, and the numbers that everything is measured with.
    static let addresses = [
        FuzzTarget("multiaddr-bytes") { input throws(BrokenPromise) in
            if let address = try? Multiaddr(bytes: input.array) { try Self.check(address) }
        },
        FuzzTarget("multiaddr-text") { input throws(BrokenPromise) in
            if let address = try? Multiaddr(String(decoding: input.array, as: UTF8.self)) { try Self.check(address) }
        },
        FuzzTarget("uvarint") { input throws(BrokenPromise) in
            let decoded = (try? UVarint.decode(input.array)).flatMap { $0 }
            guard let decoded else { return }
            let bytes = Array(input.array.prefix(decoded.byteCount))
            try promise(UVarint.encoded(decoded.value) == bytes, "\(decoded.value) has two encodings")
        },
    ]

    private static func check(_ address: Multiaddr) throws(BrokenPromise) {
        let bytes = address.bytes
        let limit = P2PWire.Limits.multiaddrLength
        guard bytes.count <= limit, address.description.utf8.count <= limit else { return }
        try promise((try? Multiaddr(bytes: bytes)) == address, "the bytes of \(address) mean another address")
        try promise((try? Multiaddr(address.description)) == address, "the text of \(address) means another address")
        let peer = Identity.fixed.peerID
        try promise(address.appending(peer: peer).peerID == peer, "a peer id got lost")
        _ = address.tcpEndpoint
    }
}
