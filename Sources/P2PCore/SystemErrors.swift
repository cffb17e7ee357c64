import NIOCore
import NIOPosix
import P2PWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the system says, as something that a person can act on.
extension P2PError {
    init(dialing address: Multiaddr, _ error: any Error) {
        if let error = error as? NIOConnectionError {
            self.init(connecting: address, error)
            return
        }
        if case .connectTimeout? = error as? ChannelError {
            self.init(.timedOut, "\(address) does not answer; is the machine up and the port open in its firewall?")
            return
        }
        guard let code = (error as? IOError)?.errnoCode else {
            self.init(.dialFailed, "\(address) cannot be reached: \(error)")
            return
        }
        switch code {
        case ECONNREFUSED:
            self.init(.dialFailed, "\(address) refuses connections; is the peer running, and is the port right?")
        case ETIMEDOUT:
            self.init(.timedOut, "\(address) does not answer; is the machine up and the port open in its firewall?")
        case EHOSTUNREACH, ENETUNREACH:
            self.init(.dialFailed, "there is no route to \(address); is this machine on the right network?")
        default:
            self.init(.dialFailed, "\(address) cannot be reached: \(String(cString: strerror(code)))")
        }
    }

    private init(connecting address: Multiaddr, _ error: NIOConnectionError) {
        if let first = error.connectionErrors.first {
            self.init(dialing: address, first.error)
        } else {
            self.init(.dialFailed, "the name \(error.host) cannot be resolved; check it and this machine's DNS")
        }
    }

    init(binding address: Multiaddr, port: UInt16, _ error: any Error) {
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE:
            self.init(.portInUse, "port \(port) is in use; stop the program that holds it or choose another port")
        case EADDRNOTAVAIL:
            self.init(
                .invalidConfiguration,
                "\(address) is not an address of this machine; try 0.0.0.0"
            )
        case EACCES:
            self.init(.invalidConfiguration, "port \(port) needs privileges; choose one above 1023")
        default:
            self.init(.invalidConfiguration, "cannot listen on \(address): \(error)")
        }
    }
}
