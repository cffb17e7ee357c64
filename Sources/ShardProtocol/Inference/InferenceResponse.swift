package import NIOCore

/// A hop's answer to one step.
public struct InferenceResponse: Sendable, Hashable {
    public enum Kind: String, Sendable {
        /// What the hop's last block gave, `[1, tokens, hidden]`.
        case hiddenStates = "hidden_states"
        /// What the output head gave, `[1, 1, vocabulary]` or, when asked, `[1, tokens, vocabulary]`.
        case logits
    }

    public var sessionID: SessionID
    public var kind: Kind
    public var activations: Activations
    /// What went wrong, for people; nil when nothing did.
    public var error: String?
    /// The extension `x/1`; nil towards, and from, plain 1.0.0 peers.
    public var step: ReplyExtension?
    /// What writing the request and reading this took here, over ``InferenceStream``; not on the wire.
    package var serialising = Duration.zero

    public init(
        sessionID: SessionID,
        kind: Kind,
        activations: Activations,
        error: String? = nil,
        step: ReplyExtension? = nil
    ) {
        self.sessionID = sessionID
        self.kind = kind
        self.activations = activations
        self.error = error
        self.step = step
    }

    /// The error reply as Rust nodes write it: session 0, hidden states, no shape, no data.
    ///
    /// - Parameter step: what callers that speak `x/1` get besides; its code tells them what to do.
    public static func failure(_ error: String, step: ReplyExtension? = nil) -> InferenceResponse {
        InferenceResponse(
            sessionID: SessionID(rawValue: 0),
            kind: .hiddenStates,
            activations: .none,
            error: error,
            step: step
        )
    }

    /// How the step went: the extension's code or, from a plain 1.0.0 peer, what its error text says.
    public var code: ReplyCode {
        if let step = self.step { return step.code }
        guard let error = self.error else { return .ok }
        if error.contains("warming up") { return .warmingUp }
        if error.contains("this shard starts at block") { return .wrongRange }
        return .failed
    }
}

extension InferenceResponse {
    /// The text that Rust nodes answer, and expect, while weights load.
    public static let warmingUpText = "node warming up \u{2014} model loading in background"

    /// The text that Rust nodes answer, and expect, when token ids reach a range that cannot embed them.
    public static func wrongPayloadText(startBlock: Int) -> String {
        "Received TokenIds payload but this shard starts at block \(startBlock) (not 0)"
    }

    /// - Throws: `ShardError` with `malformed`, `badTensor` or `tooLarge`.
    package init(decoding bytes: ByteBuffer) throws(ShardError) {
        let message = try TensorMessage(bytes, fields: TensorMessage.responseFields)
        self.sessionID = SessionID(rawValue: try TensorMessage.required(message.sessionID, .sessionID))
        guard let kind = Kind(rawValue: try TensorMessage.required(message.kind, .responseType)) else {
            throw .malformed("response_type is neither hidden_states nor logits")
        }
        self.kind = kind
        self.activations = try Activations(
            shape: TensorMessage.required(message.shape, .shape),
            data: TensorMessage.required(message.data, .data)
        )
        self.error = message.error
        if let step = message.step { self.step = try ReplyExtension(step) } else { self.step = nil }
    }

    /// The message's bytes: keys in Rust's order, a missing error as nil, `data` as `bin`.
    package func encoded() -> ByteBuffer {
        var packer = MessagePackPacker(capacity: self.activations.data.readableBytes + 256)
        packer.packMap(count: self.step == nil ? 5 : 6)
        packer.pack("session_id")
        packer.pack(self.sessionID.rawValue)
        packer.pack("response_type")
        packer.pack(self.kind.rawValue)
        packer.pack("shape")
        packer.packArray(count: self.activations.shape.count)
        for dimension in self.activations.shape { packer.pack(dimension) }
        packer.pack("data")
        packer.pack(binary: self.activations.data)
        packer.pack("error")
        if let error = self.error { packer.pack(error) } else { packer.packNil() }
        if let step = self.step {
            packer.pack("x")
            step.pack(into: &packer)
        }
        return packer.bytes
    }
}
