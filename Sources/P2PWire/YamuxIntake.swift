import NIOCore

/// Cuts the bytes of a session into headers and pieces of bodies, wherever the transport has split them.
///
/// A body is handed on piece by piece as it arrives, so that a length field alone never allocates anything.
struct YamuxIntake {
    enum Step: Equatable {
        case header(YamuxHeader)
        /// The flags and the length of the header before, once its SYN has been dealt with.
        case rest(YamuxHeader)
        case body(StreamID, ByteBuffer)
        /// The FIN of a frame, after its body.
        case end(StreamID)
    }

    private enum State {
        case header
        case rest(YamuxHeader)
        case body(StreamID, missing: Int, thenEnd: Bool)
    }

    private var state = State.header
    /// The first bytes of a header whose others have not arrived; fewer than 12.
    private var partialHeader = ByteBuffer()

    /// The next step that `bytes` hold; `nil` when they are used up.
    mutating func next(_ bytes: inout ByteBuffer) throws(WireError) -> Step? {
        switch self.state {
        case .header:
            return try self.readHeader(&bytes).map { .header($0) }
        case .rest(let header):
            self.state = .header
            return .rest(header)
        case .body(let id, 0, let thenEnd):
            self.state = .header
            return thenEnd ? .end(id) : try self.next(&bytes)
        case .body(let id, let missing, let thenEnd):
            guard bytes.readableBytes > 0, let piece = bytes.readSlice(length: min(missing, bytes.readableBytes)) else {
                return nil
            }
            self.state = .body(id, missing: missing - piece.readableBytes, thenEnd: thenEnd)
            return .body(id, piece)
        }
    }

    mutating func expectRest(of header: YamuxHeader) {
        self.state = .rest(header)
    }

    mutating func expectBody(of id: StreamID, byteCount: UInt32, thenEnd: Bool) {
        self.state = .body(id, missing: Int(byteCount), thenEnd: thenEnd)
    }

    private mutating func readHeader(_ bytes: inout ByteBuffer) throws(WireError) -> YamuxHeader? {
        if self.partialHeader.readableBytes == 0, bytes.readableBytes >= YamuxHeader.byteCount {
            return try YamuxHeader(reading: &bytes)
        }
        let missing = YamuxHeader.byteCount - self.partialHeader.readableBytes
        guard var head = bytes.readSlice(length: min(missing, bytes.readableBytes)) else { return nil }
        self.partialHeader.writeBuffer(&head)
        guard let header = try YamuxHeader(reading: &self.partialHeader) else { return nil }
        self.partialHeader.clear()
        return header
    }
}
