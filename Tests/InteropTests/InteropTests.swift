import Testing

/// Every check between our peer and a foreign one, each listening and dialling once. A foreign peer that cannot be had is
/// skipped, and the run says so.
@Suite(.serialized, .timeLimit(.minutes(5))) struct InteropTests {
    @Test func `our peer passes its own checks`() async throws {
        try await self.check(.swift, dials: .swift)
    }

    @Test(
        .enabled(if: Implementation.python.isAvailable, "\(Implementation.python.absence)"),
        arguments: [true, false]
    )
    func `py-libp2p`(dials: Bool) async throws {
        try await self.check(dials ? .python : .swift, dials: dials ? .swift : .python)
    }

    @Test(.enabled(if: Implementation.go.isAvailable, "\(Implementation.go.absence)"), arguments: [true, false])
    func `go-libp2p, as p2pd`(dials: Bool) async throws {
        try await self.check(dials ? .go : .swift, dials: dials ? .swift : .go)
    }

    private func check(_ dialer: Implementation, dials listener: Implementation) async throws {
        let pair = [dialer, listener]
        var checks = ["connect", "identify", "ping", "echo", "echo-large", "streams", "unsupported"]
        // p2pd closes both directions of a stream at once, so nobody can half-close towards it.
        if !pair.contains(.go) { checks.append("half-close") }
        // Unary calls are p2pd's own; py-libp2p has none.
        if !pair.contains(.python) { checks.append("inference") }
        try await listener.listen(seed: "kw1") { address in
            #expect(address.hasSuffix("/p2p/12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC"))
            let results = try await dialer.dial(address, seed: "dialer", checks: checks)
            #expect(results == checks.map { "PASS " + $0 })
        }
    }

    @Test(.enabled(if: Implementation.python.isAvailable, "\(Implementation.python.absence)"), arguments: roles)
    func `a provider record, with py-libp2p`(foreign: Set<Role>) async throws {
        try await self.provideAndFind(.python, in: foreign)
    }

    @Test(.enabled(if: Implementation.go.isAvailable, "\(Implementation.go.absence)"), arguments: roles)
    func `a provider record, with go-libp2p, as p2pd`(foreign: Set<Role>) async throws {
        try await self.provideAndFind(.go, in: foreign)
    }

    /// One peer stores a provider record at a second, a third finds it there; `foreign` tells which of them are not ours.
    private func provideAndFind(_ implementation: Implementation, in foreign: Set<Role>) async throws {
        func player(of role: Role) -> Implementation { foreign.contains(role) ? implementation : .swift }
        // The multihash of SHA-256("interop"); the provider's identity is that of seed "kw1".
        let key = ["--key", "12207b84a5a2f48de6c6234dca6c3bb43314ba1e141d4e0f34263a807f547d9a4e1b"]
        let provider = ["--expect", "12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC"]
        try await player(of: .holder).listen(seed: "holder") { address in
            let provided = try await player(of: .provider).dial(address, seed: "kw1", checks: ["provide"], key)
            #expect(provided == ["PASS connect", "PASS provide"])
            let found = try await player(of: .querier)
                .dial(address, seed: "querier", checks: ["find-provider"], key + provider)
            #expect(found == ["PASS connect", "PASS find-provider"])
        }
    }
}

/// Who takes part in finding a provider.
enum Role: Sendable {
    case holder
    case provider
    case querier
}

/// Enough of the permutations that each foreign implementation meets ours in every pair of roles.
private let roles: [Set<Role>] = [[.holder], [.provider], [.querier], [.holder, .provider], [.holder, .querier]]
