import P2PCore
import P2PWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension ProtocolID {
    /// Everything comes back, to the end.
    static let echo: ProtocolID = "/echo/1.0.0"
}

extension Host {
    func serveEcho() {
        self.handle(.echo, limit: 256) { stream in
            while let bytes = try await stream.read() { try await stream.write(bytes) }
        }
    }
}

/// Whoever reads our output through a pipe waits for each line.
func flushOutput() {
    fflush(nil)
}
