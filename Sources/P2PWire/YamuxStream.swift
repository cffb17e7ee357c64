import NIOCore

/// One stream in the session's table.
struct YamuxStream {
    /// What this side still has to send.
    enum Sending {
        case open
        /// The application is done: FIN follows the last queued byte.
        case finishing
        case finished
    }

    var sendWindow = SendWindow()
    var receiveWindow = ReceiveWindow()
    var sending = Sending.open
    var isReceiving = true
    /// The remote has not yet acknowledged this stream, which we opened.
    var awaitsAcknowledgement: Bool
    /// It stands in the session's round.
    var isScheduled = false
    private(set) var queuedBytes = 0
    private var queue = CircularBuffer<ByteBuffer>()

    init(awaitsAcknowledgement: Bool) {
        self.awaitsAcknowledgement = awaitsAcknowledgement
    }

    var hasWork: Bool {
        self.queuedBytes > 0 ? self.sendWindow.credit > 0 : self.sending == .finishing
    }

    mutating func enqueue(_ bytes: ByteBuffer) {
        self.queuedBytes += bytes.readableBytes
        self.queue.append(bytes)
    }

    /// Moves the next `byteCount` queued bytes, which must be there, into `buffer`.
    mutating func dequeue(_ byteCount: Int, into buffer: inout ByteBuffer) {
        self.queuedBytes -= byteCount
        var missing = byteCount
        while missing > 0, !self.queue.isEmpty {
            let first = self.queue.startIndex
            let taken = min(missing, self.queue[first].readableBytes)
            if taken == self.queue[first].readableBytes {
                buffer.writeImmutableBuffer(self.queue.removeFirst())
            } else {
                let start = self.queue[first].readerIndex
                self.queue[first].withUnsafeReadableBytes { bytes in
                    _ = buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes.prefix(taken)))
                }
                self.queue[first].moveReaderIndex(to: start + taken)
            }
            missing -= taken
        }
    }
}
