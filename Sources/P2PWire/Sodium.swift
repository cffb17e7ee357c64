import CSodium

/// libsodium, which wants to be initialised before the first use.
enum Sodium {
    /// Touch it before anything that draws random numbers; it runs once.
    static let isReady: Bool = {
        // It fails only where the system has no source of randomness, and then no key can be made at all.
        precondition(sodium_init() >= 0, "libsodium found no source of randomness on this system")
        return true
    }()

    /// `count` random bytes.
    static func randomBytes(count: Int) -> [UInt8] {
        _ = self.isReady
        var bytes = [UInt8](repeating: 0, count: count)
        randombytes_buf(&bytes, count)
        return bytes
    }
}
