import SwiftProtobuf

extension ProtocolID {
    /// A peer asks another to dial it back (libp2p specification, autonat v2).
    package static let autoNATDialRequest: ProtocolID = "/libp2p/autonat/2/dial-request"
    /// The other shows, over a connection of its own, that it could.
    package static let autoNATDialBack: ProtocolID = "/libp2p/autonat/2/dial-back"
}

/// What the two sides of a dial request say (libp2p specification, autonat v2), each behind its varint length.
package enum AutoNATMessage: Hashable, Sendable {
    /// Dial the first of these that you are willing to dial; nil stands for an address that cannot be read here, so that
    /// the numbers of the others hold.
    case dialRequest(addresses: [Multiaddr?], nonce: UInt64)
    /// Send that many bytes first: the address is not the one that you come from.
    case dialDataRequest(addressIndex: Int, byteCount: UInt64)
    /// Bytes to be counted, which mean nothing.
    case dialData(byteCount: Int)
    case dialResponse(DialResponse)

    /// How the request ended.
    package enum DialResponse: Hashable, Sendable {
        case internalError
        /// Too many requests; others may have an answer.
        case rejected
        /// The responder dials none of the addresses.
        case refused
        case dialed(addressIndex: Int, DialStatus)
    }

    /// How the dial ended.
    package enum DialStatus: Hashable, Sendable {
        /// No connection came about: the address cannot be reached.
        case dialError
        /// A connection came about, but the nonce could not be handed over.
        case dialBackError
        case ok
    }
}

// MARK: - Encoding

extension AutoNATMessage {
    package var bytes: [UInt8] {
        var message = ProtoAutoNATMessage()
        switch self {
        case .dialRequest(let addresses, let nonce):
            message.dialRequest.addrs = addresses.map { field($0?.bytes ?? []) }
            message.dialRequest.nonce = nonce
        case .dialDataRequest(let index, let count):
            message.dialDataRequest.addrIdx = UInt32(clamping: index)
            message.dialDataRequest.numBytes = count
        case .dialData(let count):
            message.dialDataResponse.data = field([UInt8](repeating: 0, count: count))
        case .dialResponse(let response):
            message.dialResponse = Self.encodable(response)
        }
        return encoded(message)
    }

    private static func encodable(_ response: DialResponse) -> ProtoAutoNATDialResponse {
        var message = ProtoAutoNATDialResponse()
        switch response {
        case .internalError: message.status = .eInternalError
        case .rejected: message.status = .eRequestRejected
        case .refused: message.status = .eDialRefused
        case .dialed(let index, let status):
            message.status = .ok
            message.addrIdx = UInt32(clamping: index)
            message.dialStatus =
                switch status {
                case .dialError: .eDialError
                case .dialBackError: .eDialBackError
                case .ok: .ok
                }
        }
        return message
    }
}

// MARK: - Decoding

extension AutoNATMessage {
    package init(bytes: some Collection<UInt8>) throws(WireError) {
        guard bytes.count <= Limits.autoNATMessage else {
            throw WireError(
                .tooLarge,
                "an AutoNAT message of \(bytes.count) bytes; the limit is \(Limits.autoNATMessage)"
            )
        }
        guard let message = try? ProtoAutoNATMessage(serializedBytes: Array(bytes)), let content = message.msg else {
            throw WireError(.malformed, "the bytes are not an AutoNAT message")
        }
        switch content {
        case .dialRequest(let request):
            self = .dialRequest(
                addresses: request.addrs.prefix(Limits.autoNATAddresses).map { try? Multiaddr(bytes: $0) },
                nonce: request.nonce
            )
        case .dialDataRequest(let request):
            self = .dialDataRequest(addressIndex: Int(request.addrIdx), byteCount: request.numBytes)
        case .dialDataResponse(let response):
            self = .dialData(byteCount: response.data.count)
        case .dialResponse(let response):
            self = .dialResponse(try DialResponse(response))
        }
    }
}

extension AutoNATMessage.DialResponse {
    /// Unknown codes void the message, as the specification has it.
    fileprivate init(_ message: ProtoAutoNATDialResponse) throws(WireError) {
        switch message.status {
        case .eInternalError: self = .internalError
        case .eRequestRejected: self = .rejected
        case .eDialRefused: self = .refused
        case .ok: self = .dialed(addressIndex: Int(message.addrIdx), try AutoNATMessage.DialStatus(message.dialStatus))
        case .UNRECOGNIZED(let code): throw WireError(.unsupported, "an AutoNAT response has the unknown code \(code)")
        }
    }
}

extension AutoNATMessage.DialStatus {
    fileprivate init(_ status: ProtoAutoNATDialStatus) throws(WireError) {
        switch status {
        case .eDialError: self = .dialError
        case .eDialBackError: self = .dialBackError
        case .ok: self = .ok
        case .unused, .UNRECOGNIZED:
            throw WireError(.unsupported, "an AutoNAT response does not say how its dial ended")
        }
    }
}

// MARK: - Dialling back

/// The one message of a dial back: what proves that it is the answer to a request.
package struct DialBack: Hashable, Sendable {
    package var nonce: UInt64

    package init(nonce: UInt64) {
        self.nonce = nonce
    }

    package init(bytes: some Collection<UInt8>) throws(WireError) {
        guard bytes.count <= Limits.autoNATDialBack,
            let message = try? ProtoAutoNATDialBack(serializedBytes: Array(bytes))
        else { throw WireError(.malformed, "the bytes are not an AutoNAT dial back") }
        self.nonce = message.nonce
    }

    package var bytes: [UInt8] {
        var message = ProtoAutoNATDialBack()
        message.nonce = self.nonce
        return encoded(message)
    }

    /// What it is answered with: that it arrived. The only status there is has the number 0, so it is the empty message.
    package static let response: [UInt8] = encoded(ProtoAutoNATDialBackResponse())
}
