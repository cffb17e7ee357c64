public import P2PWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Judgements of what a machine has: each takes what was found and touches nothing.
extension HealthCheck {
    /// What became of opening an identity file.
    public enum IdentityFinding: Sendable, Equatable {
        case missing
        case usable(PeerID)
        /// A running process holds it.
        case held(PeerID)
        /// Why it cannot be used, and what to do.
        case unusable(String)
    }

    public static func identity(_ path: String, _ finding: IdentityFinding) -> HealthCheck {
        let name = "identity"
        return switch finding {
        case .missing:
            HealthCheck(name, .ok, "none yet; \"serve\" will make one in \(path)")
        case .usable(let peer):
            HealthCheck(name, .ok, "\(peer), in \(path)")
        case .held(let peer):
            HealthCheck(name, .ok, "\(peer), in \(path), which a running \"serve\" uses")
        case .unusable(let reason):
            HealthCheck(name, .failed, reason)
        }
    }

    /// What became of listening on an address.
    public enum PortFinding: Sendable, Equatable {
        case free
        /// A peer answers there.
        case peer(PeerID)
        /// Something answers that is no peer, or nothing does though the port is taken.
        case stranger
        /// Why it cannot be listened on, and what to do.
        case unusable(String)
    }

    /// - Parameter own: The peer id of this machine's identity file.
    public static func port(_ address: Multiaddr, _ finding: PortFinding, own: PeerID?) -> HealthCheck {
        let name = "port"
        return switch finding {
        case .free: HealthCheck(name, .ok, "\(address) is free")
        case .peer(let peer) where peer == own:
            HealthCheck(name, .ok, "\(address) is held by this machine's own \"serve\"")
        case .peer(let peer):
            HealthCheck(
                name,
                .warning,
                "\(address) is held by the peer \(peer), which is not the one of this identity",
                advice: "two nodes on one machine need an --identity and a --listen port each"
            )
        case .stranger:
            HealthCheck(
                name,
                .failed,
                "\(address) is held by a program that is no peer",
                advice: "stop it, or give \"serve\" another port with --listen"
            )
        case .unusable(let reason): HealthCheck(name, .failed, reason)
        }
    }

    /// - Parameter addresses: Of all interfaces.
    package static func interfaces(_ addresses: [IPAddress]) -> HealthCheck {
        let name = "interfaces"
        let scoped: (IPAddress.Scope) -> [String] = { scope in
            addresses.filter { $0.scope == scope }.map(\.description).sorted()
        }
        let (global, site) = (scoped(.global), scoped(.site))
        guard !global.isEmpty || !site.isEmpty else {
            return HealthCheck(
                name,
                .failed,
                "this machine has no address but its own loopback",
                advice: "connect it to a network"
            )
        }
        let hasIPv6 = addresses.contains { $0.family == .v6 && $0.scope == .global }
        let ipv6 = hasIPv6 ? "IPv6 reaches the internet" : "no IPv6 address of the internet"
        let list = (global + site).joined(separator: ", ")
        return HealthCheck(name, .ok, "\(list); \(ipv6)")
    }

    /// - Parameters:
    ///   - soft: File descriptors that a process may have open.
    ///   - hard: What it may raise that to.
    public static func fileDescriptors(soft: UInt64, hard: UInt64) -> HealthCheck {
        let name = "files"
        let connections = ResourceLimits().system.total.connections
        let needed = UInt64(connections) + 64
        guard soft < needed else { return HealthCheck(name, .ok, "\(text(soft)) may be open at once") }
        return HealthCheck(
            name,
            .warning,
            "\(soft) may be open at once; \(connections) connections take more",
            advice: hard >= needed
                ? "run `ulimit -n 4096` before \"serve\"" : "raise the limit of this user (now \(hard)) to 4096"
        )
    }

    /// The limits of this process.
    public static func fileDescriptors() -> HealthCheck {
        var limit = rlimit()
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        guard getrlimit(resource, &limit) == 0 else {
            return HealthCheck("files", .warning, "the system does not tell how many files may be open")
        }
        return Self.fileDescriptors(soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
    }

    private static func text(_ count: UInt64) -> String { count > UInt64(Int32.max) ? "any number" : "\(count)" }
}
