import Foundation

/// A connected socket with blocking calls, each conversation on a thread of its own: the cheapest way to move bytes, and
/// so the yardstick.
final class BlockingSocket: Sendable {
    private let descriptor: CInt
    private let queue = DispatchQueue(label: "socket")

    init(descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(self.descriptor) }

    init(connectingTo place: Place) throws {
        self.descriptor = place.makeSocket()
        guard place.withAddress({ connect(self.descriptor, $0, $1) }) == 0 else {
            throw Failure("\(place) does not answer: \(String(cString: strerror(errno)))")
        }
        place.prepare(self.descriptor)
    }

    /// How long `body` takes on this socket's thread.
    func elapsed(_ body: @escaping @Sendable (BlockingSocket) throws -> Void) async throws -> Duration {
        try await withCheckedThrowingContinuation { continuation in
            self.queue.async {
                continuation.resume(with: Result { try ContinuousClock().measure { try body(self) } })
            }
        }
    }

    func transmit(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(self.descriptor, $0.baseAddress, $0.count, 0) }
            guard count > 0 else { throw Failure("the other side closed a stream") }
            rest = rest.dropFirst(count)
        }
    }

    /// What has arrived, at least a byte; nothing at the end.
    func receive(atMost limit: Int = 1 << 18) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, recv(self.descriptor, buffer.baseAddress, limit, 0))
        }
    }

    func receive(exactly count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let piece = self.receive(atMost: count - bytes.count)
            guard !piece.isEmpty else { throw Failure("the other side closed a stream before its time") }
            if bytes.isEmpty { bytes = piece } else { bytes += piece }
        }
        return bytes
    }

    func hangUp() { shutdown(self.descriptor, CInt(SHUT_RDWR)) }

    /// Listens, and serves every connection on a thread of its own.
    ///
    /// - Returns: the port, of a place that has ports.
    @discardableResult
    static func listen(at place: Place, _ serve: @escaping @Sendable (BlockingSocket) throws -> Void) throws -> Int {
        let listener = place.makeSocket()
        guard place.withAddress({ bind(listener, $0, $1) }) == 0, Foundation.listen(listener, 64) == 0 else {
            throw Failure("nothing can listen at \(place): \(String(cString: strerror(errno)))")
        }
        Thread.detachNewThread {
            while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
                place.prepare(descriptor)
                let stream = BlockingSocket(descriptor: descriptor)
                // A conversation that the other side ends is over.
                Thread.detachNewThread { try? serve(stream) }
            }
        }
        return place.port(of: listener)
    }
}
