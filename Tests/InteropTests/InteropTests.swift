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
        // p2pd closes both directions of a stream at once, so nobody can half-close towards it.
        let halfClose = dialer == .go || listener == .go ? [] : ["half-close"]
        let checks = ["connect", "identify", "ping", "echo", "unsupported"] + halfClose
        try await withListener(listener, seed: "kw1") { address in
            #expect(address.hasSuffix("/p2p/12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC"))
            let results = try await dialer.dial(address, seed: "dialer", checks: checks)
            #expect(results == checks.map { "PASS " + $0 })
        }
    }
}
