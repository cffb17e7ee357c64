package import NIOCore
internal import P2PWire
internal import SwiftProtobuf

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// The number that ties an answer to its call: 16 random bytes.
package struct CallID: Hashable, Sendable {
    let bytes: [UInt8]

    static let byteCount = 16

    package static func random(using generator: inout some RandomNumberGenerator) -> CallID {
        // Two draws: the system's generator is a call to the system.
        CallID(
            unchecked: [generator.next(), generator.next()].flatMap { (word: UInt64) in
                (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
            }
        )
    }

    init(_ bytes: some Collection<UInt8>) throws(ShardError) {
        guard bytes.count == Self.byteCount else {
            throw .malformed("a unary call's id has \(bytes.count) bytes instead of \(Self.byteCount)")
        }
        self.bytes = Array(bytes)
    }

    private init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
    }
}

/// What either side of a unary call writes: one frame (`specs/kwaainet-wire.md` §2).
package enum UnaryFrame: Hashable, Sendable {
    /// `callee` is what the caller wrote and proves nothing; who calls is what Noise proved.
    case call(CallID, callee: [UInt8], protocolID: String, data: ByteBuffer)
    case response(CallID, ByteBuffer)
    /// The handler failed; the text is for people.
    case failure(CallID, String)
    /// The caller no longer wants an answer.
    case cancel(CallID)
}

extension UnaryFrame {
    /// - Parameter bytes: the protobuf, without the length in front of it.
    /// - Throws: `ShardError` with `malformed`.
    package init(decoding bytes: ByteBuffer) throws(ShardError) {
        guard let message = try? ProtoPersistentConnectionRequest(serializedBytes: Array(bytes.readableBytesView))
        else {
            throw .malformed("a unary frame is no PersistentConnectionRequest")
        }
        let id = try CallID(message.callID)
        switch message.message {
        case .callUnary(let call):
            self = .call(id, callee: Array(call.peer), protocolID: call.proto, data: ByteBuffer(bytes: call.data))
        case .unaryResponse(let response):
            switch response.result {
            case .response(let data): self = .response(id, ByteBuffer(bytes: data))
            case .error(let text):
                self = .failure(id, String(String(decoding: text, as: UTF8.self).prefix(Limits.errorText)).printable)
            case .none: throw .malformed("a unary response holds neither an answer nor an error")
            }
        case .cancel: self = .cancel(id)
        case .none: throw .malformed("a unary frame holds no message")
        }
    }

    /// The protobuf, without the length in front of it.
    package func encoded() throws(ShardError) -> ByteBuffer {
        var message = ProtoPersistentConnectionRequest()
        switch self {
        case .call(let id, let callee, let protocolID, let data):
            message.callID = Data(id.bytes)
            // Set even when empty: Go drops a frame that lacks it.
            message.callUnary.peer = Data(callee)
            message.callUnary.proto = protocolID
            message.callUnary.data = Data(data.readableBytesView)
        case .response(let id, let data):
            message.callID = Data(id.bytes)
            message.unaryResponse.response = Data(data.readableBytesView)
        case .failure(let id, let text):
            message.callID = Data(id.bytes)
            message.unaryResponse.error = Data(text.utf8)
        case .cancel(let id):
            message.callID = Data(id.bytes)
            message.cancel = ProtoCancel()
        }
        do {
            let bytes: [UInt8] = try message.serializedBytes()
            return ByteBuffer(bytes: bytes)
        } catch {
            throw .malformed("a unary frame cannot be written: \(error)")
        }
    }
}
