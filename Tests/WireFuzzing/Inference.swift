import NIOCore
import P2PWire
import ShardProtocol

extension FuzzTarget {
    /// What coordinators and block servers say to each other.
    static let inference = [
        FuzzTarget("messagepack", Self.messagePack),
        FuzzTarget("inference-request") { input throws(BrokenPromise) in
            guard let request = try? InferenceRequest(decoding: input) else { return }
            let copy = try? InferenceRequest(decoding: request.encoded())
            try promise(copy == request, "a request changes when copied")
            let addresses = request.step?.successor?.peer.addresses.count ?? 0
            try promise(addresses <= ShardProtocol.Limits.pushAddresses, "too many addresses were taken")
            let hops = request.step?.push.count ?? 0
            try promise(hops <= ShardProtocol.Limits.pushedHops, "a step is pushed through too many hops")
            if case .hiddenStates(let activations) = request.payload { try Self.check(activations) }
        },
        FuzzTarget("inference-response") { input throws(BrokenPromise) in
            guard let response = try? InferenceResponse(decoding: input) else { return }
            let copy = try? InferenceResponse(decoding: response.encoded())
            try promise(copy == response, "a response changes when copied")
            try promise(response.error?.count ?? 0 <= ShardProtocol.Limits.errorText, "an error text is too long")
            try Self.check(response.activations)
        },
        FuzzTarget("unary-frame") { input throws(BrokenPromise) in
            guard let frame = try? UnaryFrame(decoding: input) else { return }
            try promise((try? UnaryFrame(decoding: frame.encoded())) == frame, "a unary frame changes when copied")
        },
        FuzzTarget("node-record") { input throws(BrokenPromise) in
            guard let record = try? NodeRecord(decoding: input) else { return }
            try promise((try? NodeRecord(decoding: record.encoded())) == record, "a node record changes when copied")
        },
        FuzzTarget("node-record-answer") { input throws(BrokenPromise) in
            var choices = FuzzInput(input)
            // The responder's own record is soundly signed, whatever it says.
            let record = choices.bytes(choices.short())
            let own = SignedEnvelope.seal(
                payload: record.array,
                payloadType: SignedNodeRecord.payloadType,
                domain: SignedNodeRecord.domain,
                by: .fixed
            )
            var answer = ByteBuffer()
            answer.writeUVarintPrefixed(own.bytes)
            answer.writeImmutableBuffer(choices.remainder())
            let now = (try? NodeRecord(decoding: record))?.expiry ?? UnixTime(seconds: 0)
            let records = try? NodeRecordAnswer.decode(answer, from: Identity.fixed.peerID, now: now)
            try promise(records?.count ?? 0 <= ShardProtocol.Limits.otherNodeRecords + 1, "too many records were taken")
        },
        FuzzTarget("activations") { input throws(BrokenPromise) in
            var choices = FuzzInput(input)
            let shape = (0..<choices.byte() % 6).map { _ in choices.word() }
            let activations = try? Activations(shape: shape, data: choices.remainder())
            if let activations { try Self.check(activations) }
        },
    ]

    /// Every way of reading a value agrees on where it ends.
    private static func messagePack(_ input: ByteBuffer) throws(BrokenPromise) {
        var measured = MessagePackCursor(input)
        var read = MessagePackCursor(input)
        while true {
            let extent = try? measured.readExtent()
            let value = try? read.readValue()
            try promise(value == nil || extent != nil, "a value was read that could not be measured")
            guard value != nil else { break }
            let isAgreed = measured.bytes.readableBytes == read.bytes.readableBytes
            try promise(isAgreed, "a value ends elsewhere when read than when measured")
        }
        var cursor = MessagePackCursor(input)
        guard let bytes = try? cursor.readByteString() else { return }
        try promise(bytes.readableBytes <= input.readableBytes, "a byte string is longer than what it was read from")
        var tree = MessagePackCursor(input)
        // What is too long for a tree was read by the pass for long arrays alone.
        guard case .array(let elements)? = try? tree.readValue() else { return }
        let expected = elements.map { element in
            if case .unsigned(let number) = element { UInt8(exactly: number) } else { nil as UInt8? }
        }
        try promise(expected == bytes.readableBytesView.map(Optional.some), "an array of bytes was read as other bytes")
    }

    private static func check(_ activations: Activations) throws(BrokenPromise) {
        let halves = activations.halves
        try promise(halves.count * 2 == activations.data.readableBytes, "\(halves.count) values of too few bytes")
        let isFinite = halves.allSatisfy { $0 & 0x7c00 != 0x7c00 }
        try promise(activations.isFinite == isFinite, "infinity was not seen")
        guard let tokens = activations.tokenCount, tokens > 0, let width = activations.width else { return }
        try promise(tokens * width == halves.count, "the shape does not fit the values")
        try promise((try? Activations(tokens: tokens, halves: halves)) == activations, "activations change when copied")
    }
}
