import Foundation
import Synchronization

/// Stands in front of a peer and is dialled in its place: a cable that can be cut where the kernel gives us none.
///
/// What the peer dials itself does not pass here, so that nobody but those who dial it are cut off from it.
final class Proxy: Sendable {
    private struct State {
        var isClosed = false
        /// How many directions of each connection are open.
        var connections: [Ends: Int] = [:]
    }

    /// The two sockets of a connection.
    private struct Ends: Hashable {
        var client: Int32
        var server: Int32
    }

    /// Where the peer is dialled.
    let port: Int
    /// Where the peer listens: nobody had it a moment ago.
    let backend: Int

    private let listener: Int32
    private let gate = Gate()
    private let state = Mutex(State())

    init() throws {
        (self.listener, self.port) = try Loopback.listen()
        let (other, backend) = try Loopback.listen()
        Foundation.close(other)
        self.backend = backend
        // Threads, because each waits for one socket alone; they end with their connections.
        Thread.detachNewThread { self.accept() }
    }

    /// Holds back all that is sent from now on, the end of a connection too; closes nothing, and tells nobody.
    func hold() { self.gate.isHeld = true }

    /// Hands on what was held back, and all that follows.
    func letGo() { self.gate.isHeld = false }

    /// Ends every connection; takes no more of them.
    func close() {
        self.state.withLock { state in
            state.isClosed = true
            for ends in state.connections.keys { Self.end(ends) }
        }
        self.letGo()
        // Whoever waits for the next connection is woken by one.
        Loopback.connect(to: self.port).map { _ = Foundation.close($0) }
    }

    private func accept() {
        while case let client = Foundation.accept(self.listener, nil, nil), client >= 0 {
            guard self.join(client) else { break }
        }
        Foundation.close(self.listener)
    }

    /// Joins a connection to one to the peer; false once there are to be none.
    private func join(_ client: Int32) -> Bool {
        guard let server = Loopback.connect(to: self.backend) else {
            Foundation.close(client)
            return !self.state.withLock { $0.isClosed }
        }
        let ends = Ends(client: client, server: server)
        Loopback.prepare(client)
        let isOpen = self.state.withLock { state in
            if !state.isClosed { state.connections[ends] = 2 }
            return !state.isClosed
        }
        guard isOpen else {
            for end in [client, server] { Foundation.close(end) }
            return false
        }
        for (source, sink) in [(client, server), (server, client)] {
            Thread.detachNewThread {
                self.pump(from: source, to: sink)
                self.ended(ends)
            }
        }
        return true
    }

    /// Hands on what one end sends until it ends.
    private func pump(from source: Int32, to sink: Int32) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(source, &buffer, buffer.count, 0)
            self.gate.pass()
            guard count > 0, Loopback.transmit(buffer[..<count], over: sink) else {
                // Only whoever ends in good order still listens.
                if count != 0 { shutdown(source, Int32(SHUT_RDWR)) }
                shutdown(sink, Int32(count == 0 ? SHUT_WR : SHUT_RDWR))
                return
            }
        }
    }

    private func ended(_ ends: Ends) {
        self.state.withLock { state in
            let rest = (state.connections[ends] ?? 1) - 1
            state.connections[ends] = rest > 0 ? rest : nil
            guard rest == 0 else { return }
            for end in [ends.client, ends.server] { Foundation.close(end) }
        }
    }

    private static func end(_ ends: Ends) {
        for end in [ends.client, ends.server] { shutdown(end, Int32(SHUT_RDWR)) }
    }
}

/// Where threads wait while everything is held back.
private final class Gate: @unchecked Sendable {
    // Sendable: the lock of the condition guards the rest.
    private let condition = NSCondition()
    private var isShut = false

    var isHeld: Bool {
        get { self.condition.withLock { self.isShut } }
        set {
            self.condition.withLock { self.isShut = newValue }
            self.condition.broadcast()
        }
    }

    func pass() {
        self.condition.withLock {
            while self.isShut { self.condition.wait() }
        }
    }
}

/// TCP over the loopback interface, with calls that block.
private enum Loopback {
    #if canImport(Glibc)
        private static let stream = Int32(SOCK_STREAM.rawValue)
        private static let tcp = Int32(IPPROTO_TCP)
        /// Whose reader has gone is told by an error, not by a signal.
        private static let sendFlags = Int32(MSG_NOSIGNAL)
    #else
        private static let stream = SOCK_STREAM
        private static let tcp = IPPROTO_TCP
        private static let sendFlags: Int32 = 0
    #endif

    /// A socket that listens on a port of the system's choice.
    static func listen() throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Self.stream, 0)
        var bound = sockaddr_in()
        let isListening = Self.withAddress(port: 0) { bind(descriptor, $0, $1) == 0 }
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isNamed = withUnsafeMutablePointer(to: &bound) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) == 0 }
        }
        guard isListening, isNamed, Foundation.listen(descriptor, 64) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        return (descriptor, Int(UInt16(bigEndian: bound.sin_port)))
    }

    /// Nil where nobody listens.
    static func connect(to port: Int) -> Int32? {
        let descriptor = socket(AF_INET, Self.stream, 0)
        guard Self.withAddress(port: port, { Foundation.connect(descriptor, $0, $1) == 0 }) else {
            close(descriptor)
            return nil
        }
        Self.prepare(descriptor)
        return descriptor
    }

    /// Small messages leave at once, as they would without a proxy.
    static func prepare(_ descriptor: Int32) {
        var isOn: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, Self.tcp, TCP_NODELAY, &isOn, size)
        #if !canImport(Glibc)
            setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &isOn, size)
        #endif
    }

    /// False where the other end takes nothing more.
    static func transmit(_ bytes: ArraySlice<UInt8>, over descriptor: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Self.sendFlags) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func withAddress(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
