public import ShardProtocol
import SwarmCore

/// A span that went to other peers in the middle of a generation.
public struct Recovery: Sendable {
    /// What the lost peer ran.
    public var blocks: BlockRange
    public var from: String
    public var to: [(name: String, blocks: BlockRange)]
    /// Why, as the end of a sentence that begins with the peer's name.
    public var reason: String
    /// Tokens that were run again.
    public var tokens: Int
    /// From the beginning of the step that was not answered until the others had caught up.
    public var duration: Duration
}

extension Loss {
    var phrase: String {
        switch self {
        case .gone: "is lost"
        case .late: "is late"
        case .forgotten: "has forgotten the session"
        case .leaving: "is leaving"
        case .unable, .fault: "did not answer as it should"
        }
    }
}

extension CoordinatorError {
    /// How far the failure of a step reaches.
    var loss: Loss {
        switch self.code {
        case .peerLost: .gone
        case .refused(let code): Loss(code)
        case .badReply: .unable
        case .invalidOption, .promptTooLong, .badPrompt, .noRoute, .badChain, .modelFailed, .unreachableNetwork,
            .cancelled:
            .fault
        }
    }

    /// The same failure, when nobody could take the span over.
    func unrecovered(because error: any Error) -> CoordinatorError {
        CoordinatorError(self.code, "\(self.message). Nobody else can take over: \(error)")
    }
}
