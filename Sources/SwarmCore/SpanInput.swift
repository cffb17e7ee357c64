package import ShardProtocol

/// What goes into a span: token ids into the first, activations into the others.
///
/// It stands here and not with whoever sends it, so that the methods of ``ChainSession`` that run for every token can be
/// compiled for it (`@specialized`): where the payload is not known before they run, they took a fifth of what a
/// coordinator computes for a token.
package enum SpanInput: Sendable {
    case tokens([UInt32])
    case hidden(Activations)
}

extension SpanInput: SpanPayload {
    package var tokenCount: Int {
        switch self {
        case .tokens(let tokens): tokens.count
        case .hidden(let activations): activations.tokenCount ?? 0
        }
    }

    package var byteCount: Int {
        switch self {
        case .tokens(let tokens): tokens.count * MemoryLayout<UInt32>.size
        case .hidden(let activations): activations.byteCount
        }
    }

    package func rows(_ range: Range<Int>) -> SpanInput {
        switch self {
        case .tokens(let tokens): .tokens(Array(tokens[range]))
        case .hidden(let activations): .hidden(activations.rows(range))
        }
    }

    package static func joined(_ payloads: [SpanInput]) -> SpanInput {
        let activations = payloads.compactMap { payload -> Activations? in
            if case .hidden(let activations) = payload { activations } else { nil }
        }
        guard activations.isEmpty else { return .hidden(Activations.joined(activations)) }
        return .tokens(
            payloads.flatMap { payload -> [UInt32] in
                if case .tokens(let tokens) = payload { tokens } else { [] }
            }
        )
    }
}
