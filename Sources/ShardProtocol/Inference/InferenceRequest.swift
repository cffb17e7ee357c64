package import NIOCore
public import P2PWire

/// One step of a session, from a coordinator to a hop.
public struct InferenceRequest: Sendable, Hashable {
    public enum Payload: Sendable, Hashable {
        /// What the range that starts at block 0 embeds.
        case tokenIDs([UInt32])
        /// What the block before gave, `[1, tokens, hidden]`.
        case hiddenStates(Activations)
    }

    public var sessionID: SessionID
    /// Tokens of the sequence before this step.
    public var position: SequencePosition
    public var payload: Payload
    /// The extension `x/1`; nil towards, and from, plain 1.0.0 peers.
    public var step: StepExtension?

    public init(
        sessionID: SessionID,
        position: SequencePosition,
        payload: Payload,
        step: StepExtension? = nil
    ) {
        self.sessionID = sessionID
        self.position = position
        self.payload = payload
        self.step = step
    }
}

extension InferenceRequest {
    /// The protocol that carries requests and responses (`specs/kwaainet-wire.md` §3).
    public static let protocolID: ProtocolID = "/kwaai/inference/1.0.0"

    /// - Throws: `ShardError` with `malformed`, `badTensor` or `tooLarge`.
    package init(decoding bytes: ByteBuffer) throws(ShardError) {
        let message = try TensorMessage(bytes, fields: TensorMessage.requestFields)
        self.sessionID = SessionID(rawValue: try TensorMessage.required(message.sessionID, .sessionID))
        self.position = SequencePosition(rawValue: try TensorMessage.required(message.position, .position))
        let shape = try TensorMessage.required(message.shape, .shape)
        let data = try TensorMessage.required(message.data, .data)
        switch try TensorMessage.required(message.kind, .payloadType) {
        case "token_ids": self.payload = .tokenIDs(try Self.tokenIDs(shape: shape, data: data))
        case "hidden_states": self.payload = .hiddenStates(try Activations(shape: shape, data: data))
        default: throw .malformed("payload_type is neither token_ids nor hidden_states")
        }
        if let step = message.step { self.step = try StepExtension(step) } else { self.step = nil }
    }

    private static func tokenIDs(shape: [UInt32], data: ByteBuffer) throws(ShardError) -> [UInt32] {
        try TensorShape.check(shape, byteCount: data.readableBytes, elementSize: 4)
        return data.withUnsafeReadableBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self))
            }
        }
    }

    /// The message's bytes: keys in Rust's order, `data` as `bin`, which both sides accept and which is smaller.
    package func encoded() -> ByteBuffer {
        let (kind, shape, data) = self.payload.parts
        var packer = MessagePackPacker(capacity: data.readableBytes + 256)
        packer.packMap(count: self.step == nil ? 5 : 6)
        packer.pack("session_id")
        packer.pack(self.sessionID.rawValue)
        packer.pack("seq_pos")
        packer.pack(self.position.rawValue)
        packer.pack("payload_type")
        packer.pack(kind)
        packer.pack("shape")
        packer.packArray(count: shape.count)
        for dimension in shape { packer.pack(dimension) }
        packer.pack("data")
        packer.pack(binary: data)
        if let step = self.step {
            packer.pack("x")
            step.pack(into: &packer)
        }
        return packer.bytes
    }
}

extension InferenceRequest.Payload {
    fileprivate var parts: (kind: String, shape: [UInt32], data: ByteBuffer) {
        switch self {
        case .tokenIDs(let ids):
            var data = ByteBufferAllocator().buffer(capacity: ids.count * 4)
            for id in ids { data.writeInteger(id, endianness: .little) }
            return ("token_ids", [UInt32(clamping: ids.count)], data)
        case .hiddenStates(let activations): return ("hidden_states", activations.shape, activations.data)
        }
    }

    /// Tokens in this step; nil when a tensor is not of the form `[1, tokens, hidden]`.
    public var tokenCount: Int? {
        switch self {
        case .tokenIDs(let ids): ids.count
        case .hiddenStates(let activations): activations.tokenCount
        }
    }
}
