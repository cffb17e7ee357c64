import Foundation

/// A connected Unix socket with blocking calls, each conversation on a thread of its own: the cheapest way to speak to a
/// daemon.
final class UnixSocket: Sendable {
    private let descriptor: CInt
    private let queue = DispatchQueue(label: "p2pd")

    init(descriptor: CInt) { self.descriptor = descriptor }

    deinit { _ = Glibc.close(self.descriptor) }

    init(connectingTo path: String) throws {
        self.descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard withAddress(of: path, { Glibc.connect(self.descriptor, $0, $1) }) == 0 else {
            throw Failure("\(path) does not answer: \(String(cString: strerror(errno)))")
        }
    }

    /// How long `body` takes on this socket's thread.
    func elapsed(_ body: @escaping @Sendable (UnixSocket) throws -> Void) async throws -> Duration {
        try await withCheckedThrowingContinuation { continuation in
            self.queue.async {
                continuation.resume(with: Result { try ContinuousClock().measure { try body(self) } })
            }
        }
    }

    func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(self.descriptor, $0.baseAddress! + sent, bytes.count - sent)
            }
            guard count > 0 else { throw Failure("the daemon closed a stream") }
            sent += count
        }
    }

    /// What has arrived, at least a byte; nothing at the end.
    func readSome(atMost limit: Int = 1 << 18) throws -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, Glibc.read(self.descriptor, buffer.baseAddress, limit))
        }
    }

    func read(exactly count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let piece = try self.readSome(atMost: count - bytes.count)
            guard !piece.isEmpty else {
                throw Failure("the daemon closed a stream after \(bytes.count) of \(count) bytes")
            }
            if bytes.isEmpty { bytes = piece } else { bytes += piece }
        }
        return bytes
    }

    func close() { _ = Glibc.shutdown(self.descriptor, Int32(SHUT_RDWR)) }

    /// Listens at `path`, and serves every connection on a thread of its own.
    static func listen(at path: String, _ serve: @escaping @Sendable (UnixSocket) throws -> Void) throws {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard withAddress(of: path, { bind(listener, $0, $1) }) == 0, Glibc.listen(listener, 64) == 0 else {
            throw Failure("nothing can listen at \(path): \(String(cString: strerror(errno)))")
        }
        Thread.detachNewThread {
            while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
                let stream = UnixSocket(descriptor: descriptor)
                // A conversation that the other side ends is over.
                Thread.detachNewThread { try? serve(stream) }
            }
        }
    }
}

private func withAddress(of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}
