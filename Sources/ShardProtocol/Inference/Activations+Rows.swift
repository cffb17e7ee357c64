internal import NIOCore

extension Activations {
    /// The rows of `range`, which must lie within a tensor `[1, tokens, width]`; they share its memory.
    package func rows(_ range: Range<Int>) -> Activations {
        let bytes = (self.width ?? 0) * 2
        let start = self.data.readerIndex + range.lowerBound * bytes
        guard let data = self.data.getSlice(at: start, length: range.count * bytes) else {
            preconditionFailure("rows \(range) of a tensor of shape \(self.shape)")
        }
        return Activations(rows: range.count, width: self.width ?? 0, data: data)
    }

    /// The rows of all of these, which are of one width, in one tensor `[1, tokens, width]`; at least one is given.
    package static func joined(_ parts: [Activations]) -> Activations {
        var data = ByteBuffer()
        data.reserveCapacity(parts.reduce(0) { $0 + $1.data.readableBytes })
        for part in parts { data.writeImmutableBuffer(part.data) }
        return Activations(rows: parts.reduce(0) { $0 + ($1.tokenCount ?? 0) }, width: parts[0].width ?? 0, data: data)
    }
}
