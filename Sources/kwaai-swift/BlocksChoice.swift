import ArgumentParser
import ShardProtocol

/// What `serve --blocks` takes: a range, or `auto` for as many blocks as this machine has memory for.
enum BlocksChoice: Sendable {
    case range(BlockRange)
    case auto

    init(_ text: String) throws(ShardError) {
        self = text == "auto" ? .auto : .range(try BlockRange(text))
    }

    /// Nil for `auto`.
    var range: BlockRange? {
        if case .range(let range) = self { range } else { nil }
    }
}
