import Testing

/// Every check between our peer and a foreign one, each listening and dialling once. A foreign peer that cannot be had is
/// skipped, and the run says so.
@Suite(.serialized, .timeLimit(.minutes(5))) struct InteropTests {
    private static let everything = [
        "connect", "identify", "push", "ping", "echo", "echo-large", "streams", "half-close", "reset", "sink", "perf",
        "unsupported", "find-node",
    ]
    private static let calls = ["inference", "cancel", "unary-name", "unary-large", "unary-error"]
    /// What only our peer looks for.
    private static let ours = ["unary-nobody", "window", "early-muxer"]

    @Test func `our peer passes its own checks`() async throws {
        try await self.check(.swift, dials: .swift, Self.everything + Self.calls + Self.ours)
    }

    @Test(
        .enabled(if: Implementation.python.isAvailable, "\(Implementation.python.absence)"),
        arguments: [true, false]
    )
    func `py-libp2p`(dials: Bool) async throws {
        // Unary calls are p2pd's own; py-libp2p has none.
        try await self.check(dials ? .python : .swift, dials: dials ? .swift : .python, Self.everything)
    }

    @Test(.enabled(if: Implementation.go.isAvailable, "\(Implementation.go.absence)"), arguments: [true, false])
    func `go-libp2p, as p2pd`(dials: Bool) async throws {
        // p2pd closes both directions of a stream at once, so nobody can half-close towards it, nor from it.
        let both = Self.everything.filter { !["half-close", "sink", "perf"].contains($0) } + Self.calls
        // p2pd finds the callee by the name in the frame, so it cannot leave that out.
        try await self.check(dials ? .go : .swift, dials: dials ? .swift : .go, dials ? both : both + Self.ours)
    }

    private func check(
        _ dialer: Implementation,
        dials listener: Implementation,
        _ checks: [String]
    ) async throws {
        try await listener.listen(seed: "kw1") { address in
            #expect(address.hasSuffix("/p2p/12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC"))
            let results = try await dialer.dial(address, seed: "dialer", checks: checks)
            #expect(results == checks.map { "PASS " + $0 })
        }
    }

    // MARK: Identities that are not Ed25519

    @Test(
        .enabled(if: Implementation.go.isAvailable, "\(Implementation.go.absence)"),
        arguments: ["rsa", "ecdsa", "secp256k1"],
        [true, false]
    )
    func `p2pd with a key of another kind`(keyType: String, dials: Bool) async throws {
        try await self.meet(.go, keyType: keyType, dials: dials)
    }

    @Test(
        .enabled(if: Implementation.python.isAvailable, "\(Implementation.python.absence)"),
        arguments: ["rsa", "secp256k1"],
        [true, false]
    )
    func `py-libp2p with a key of another kind`(keyType: String, dials: Bool) async throws {
        try await self.meet(.python, keyType: keyType, dials: dials)
    }

    private func meet(_ foreign: Implementation, keyType: String, dials: Bool) async throws {
        let key = ["--key-type", keyType]
        let checks = ["connect", "identify", "ping"]
        try await (dials ? .swift : foreign).listen(seed: "kw1", dials ? [] : key) { address in
            // Only the id of an Ed25519 key begins so.
            #expect(address.contains("/p2p/12D3KooW") == dials)
            let results = try await (dials ? foreign : .swift)
                .dial(address, seed: "dialer", checks: checks, dials ? key : [])
            #expect(results == checks.map { "PASS " + $0 })
        }
    }
}
