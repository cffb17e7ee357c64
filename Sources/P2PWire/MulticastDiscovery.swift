package import NIOCore

/// libp2p's mDNS as a value: datagrams and time go in, datagrams and peers come out (libp2p specification, discovery/mdns).
///
/// A peer asks all of its network for `_p2p._udp.local`; whoever has addresses answers with a random name and, under it, a
/// TXT record whose strings are `dnsaddr=<multiaddr with /p2p/>`. Some responders need a host's name and its numbers as
/// well before they show a peer to their user, so those stand in the answer, too.
package struct MulticastDiscovery: Equatable, Sendable {
    package enum Action: Equatable, Sendable {
        /// To everybody on the network.
        case send(ByteBuffer)
        /// Somebody is there.
        case discovered(PeerInfo)
    }

    private let peer: PeerID
    private let service: DNSName
    private let instance: DNSName
    private let host: DNSName
    /// Where this peer can be reached, without its id; a peer without addresses only asks.
    package var addresses: [Multiaddr]
    private var nextQuery: NIODeadline
    private var interval: TimeAmount
    /// When we may answer again: one answer serves all who have asked meanwhile.
    private var nextAnswer: NIODeadline

    /// - Parameters:
    ///   - now: when the first question leaves, at the first ``tick(at:)``.
    ///   - generator: draws the name of this peer, which says nothing of who it is.
    package init(
        peer: PeerID,
        addresses: [Multiaddr],
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) {
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
        let label = (0..<Limits.mdnsNameLength).compactMap { _ in letters.randomElement(using: &generator) }
        func name(_ labels: [[UInt8]]) -> DNSName {
            guard let name = try? DNSName(labels: labels) else { preconditionFailure("these labels are short") }
            return name
        }
        self.peer = peer
        self.service = name(["_p2p", "_udp", "local"].map { Array($0.utf8) })
        self.instance = name([label] + self.service.labels)
        self.host = name([label, Array("local".utf8)])
        self.addresses = addresses
        self.nextQuery = now
        self.interval = Limits.mdnsFirstInterval
        self.nextAnswer = now
    }

    /// When ``tick(at:)`` has something to do.
    package var deadline: NIODeadline { self.nextQuery }

    /// Asks who is there, and says who is here; ever more seldom, up to once in five minutes.
    package mutating func tick(at now: NIODeadline) -> [Action] {
        guard now >= self.nextQuery else { return [] }
        self.nextQuery = now + self.interval
        self.interval = min(.nanoseconds(self.interval.nanoseconds * 3), Limits.mdnsInterval)
        let query = DNSMessage(questions: [.init(self.service, DNSMessage.RecordType.pointer)])
        return [.send(query.bytes())] + self.answer(at: now)
    }

    /// Takes a datagram of the network; bytes that are not a message, or not about peers, lead to nothing.
    package mutating func received(_ bytes: ByteBuffer, at now: NIODeadline) -> [Action] {
        guard let message = try? DNSMessage(bytes: bytes) else { return [] }
        if message.isResponse { return self.peers(in: message).map(Action.discovered) }
        let isAsked = message.questions.contains { question in
            question.name == self.service
                && [DNSMessage.RecordType.pointer, DNSMessage.RecordType.any].contains(question.type)
        }
        return isAsked && now >= self.nextAnswer ? self.answer(at: now) : []
    }

    // MARK: Answers

    private mutating func answer(at now: NIODeadline) -> [Action] {
        let texts = self.texts
        guard !texts.isEmpty else { return [] }
        self.nextAnswer = now + Limits.mdnsAnswerPause
        let timeToLive = Limits.mdnsTimeToLive
        let endpoints = self.addresses.compactMap(\.tcpEndpoint)
        let numbers = self.addresses.compactMap { address in
            switch address.components[0] {
            case .ip4(let ip), .ip6(let ip): ip
            case .dns, .dns4, .dns6, .dnsaddr, .tcp, .udp, .p2p, .p2pCircuit, .quicV1, .ws: IPAddress?.none
            }
        }
        let message = DNSMessage(
            isResponse: true,
            answers: [.init(self.service, timeToLive: timeToLive, .pointer(self.instance))],
            additionals: [
                .init(self.instance, timeToLive: timeToLive, .text(texts)),
                .init(
                    self.instance,
                    timeToLive: timeToLive,
                    .service(port: endpoints.first?.port ?? 0, target: self.host)
                ),
            ]
                + numbers.prefix(Limits.mdnsAddresses).map {
                    .init(self.host, timeToLive: timeToLive, .address($0))
                }
        )
        return [.send(message.bytes())]
    }

    /// A string of a TXT record has at most 255 bytes; an address that does not fit is not told.
    private var texts: [[UInt8]] {
        self.addresses.prefix(Limits.mdnsAddresses)
            .map { Array("dnsaddr=\($0.appending(peer: self.peer))".utf8) }
            .filter { $0.count <= 255 }
    }

    // MARK: Others

    /// The peers that a response names, each once, without this one.
    private func peers(in message: DNSMessage) -> [PeerInfo] {
        var found: [PeerInfo] = []
        for record in message.answers + message.additionals {
            guard case .text(let strings) = record.data, record.name.labels.count == self.service.labels.count + 1,
                Array(record.name.labels.dropFirst()) == self.service.labels
            else { continue }
            for address in strings.prefix(Limits.mdnsAddresses).compactMap(Self.address) {
                guard let id = address.peerID, id != self.peer else { continue }
                if let index = found.firstIndex(where: { $0.id == id }) {
                    guard found[index].addresses.count < Limits.mdnsAddresses else { continue }
                    found[index].addresses.append(address.withoutPeerID)
                } else if found.count < Limits.mdnsPeersPerMessage {
                    found.append(PeerInfo(id: id, addresses: [address.withoutPeerID]))
                }
            }
        }
        return found
    }

    /// `dnsaddr=<multiaddr>`, or with a number behind the key, as py-libp2p writes those after the first.
    private static func address(_ string: [UInt8]) -> Multiaddr? {
        let text = String(decoding: string, as: UTF8.self)
        guard text.hasPrefix("dnsaddr"), let equals = text.firstIndex(of: "="),
            text[..<equals].dropFirst("dnsaddr".count).allSatisfy(\.isNumber),
            let address = try? Multiaddr(String(text[text.index(after: equals)...])),
            address.tcpEndpoint != nil
        else { return nil }
        switch address.components[0] {
        case .ip4, .ip6: return address
        // Nobody on the local network is to make us ask a name server.
        case .dns, .dns4, .dns6, .dnsaddr, .tcp, .udp, .p2p, .p2pCircuit, .quicV1, .ws: return nil
        }
    }
}
