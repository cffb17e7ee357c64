import Foundation

#if canImport(Glibc)
    private let stream = CInt(SOCK_STREAM.rawValue)
    private let tcp = CInt(IPPROTO_TCP)
#else
    private let stream = SOCK_STREAM
    private let tcp = IPPROTO_TCP
#endif

/// Where a socket of this machine is.
enum Place: Sendable {
    case unix(path: String)
    /// A TCP port of the loopback interface; 0 lets the system choose one.
    case loopback(port: Int)

    func makeSocket() -> CInt {
        switch self {
        case .unix: socket(AF_UNIX, stream, 0)
        case .loopback: socket(AF_INET, stream, 0)
        }
    }

    /// Small messages leave at once.
    func prepare(_ descriptor: CInt) {
        guard case .loopback = self else { return }
        var isOn: CInt = 1
        setsockopt(descriptor, tcp, TCP_NODELAY, &isOn, socklen_t(MemoryLayout<CInt>.size))
    }

    func withAddress(_ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
        switch self {
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
            return Self.withGeneric(&address, body)
        case .loopback(let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
            return Self.withGeneric(&address, body)
        }
    }

    /// The port that the system chose.
    func port(of listener: CInt) -> Int {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard case .loopback = self else { return 0 }
        withUnsafeMutablePointer(to: &address) { pointer in
            _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) }
        }
        return Int(in_port_t(bigEndian: address.sin_port))
    }

    private static func withGeneric<Address>(
        _ address: inout Address,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) -> CInt {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
}
