import Testing

/// What Kademlia keeps: stored by one implementation, held by a second, found by a third.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RecordTests {
    /// A key for each implementation as provider, the multihashes of SHA-256("provided by swift") and so on, and the ids of
    /// the seeds "swift", "py" and "go".
    private static let keys: [Implementation: String] = [
        .swift: "1220a34f0ebff88a1e3abf797ef686bd878685fd92ee7de5d1bf83a5554ab7caa501",
        .python: "122053da6d8e2a678500c976dd561236e33b722b337244dbd8631d74c7fa2c24968e",
        .go: "12200f768283669682654427eb1d5f64e41ce8ecff77a25c008324dab8ca22c56ccb",
    ]
    private static let providers: [Implementation: String] = [
        .swift: "12D3KooWHvucUqAvRykCU5CdNv8vqYkv6wofoRmDVkpuFT4rB4ny",
        .python: "12D3KooWHuZx2XgjaX7nLoKFEKpc8X3Lc7KWV21aMafCbQBYfoNb",
        .go: "12D3KooWR9txCnyxjKV9bKyJgZU1z9W2U4E2vuhZLjxe7sAmTjfr",
    ]

    /// Every permutation of bootstrap, provider and querier: 27 where all three implementations can be had. Each provider
    /// has a key of its own, so that one querier answers for all of them.
    @Test(arguments: Implementation.allCases.filter { $0 == .swift || $0.isAvailable })
    func `provider records are found whoever holds them, stores them and asks`(bootstrap: Implementation) async throws {
        let present = Implementation.allCases.filter { $0 == .swift || $0.isAvailable }
        for absent in Implementation.allCases where !present.contains(absent) { print("skipped \(absent.absence)") }
        try await bootstrap.listen(seed: "bootstrap") { address in
            for provider in present {
                let key = try #require(Self.keys[provider])
                let provided =
                    try await provider
                    .dial(address, seed: provider.rawValue, checks: ["connect", "provide"], ["--key", key])
                #expect(provided == ["PASS connect", "PASS provide"], "\(provider) at \(bootstrap)")
            }
            let keys = try present.map { try #require(Self.keys[$0]) }.joined(separator: ",")
            let ids = try present.map { try #require(Self.providers[$0]) }.joined(separator: ",")
            for querier in present {
                let found = try await querier.dial(
                    address,
                    seed: "querier",
                    checks: ["connect", "find-provider"],
                    ["--key", keys, "--expect", ids]
                )
                #expect(found == ["PASS connect", "PASS find-provider"], "\(querier) at \(bootstrap)")
            }
        }
    }

    /// A public key, which alone every implementation validates alike; the one who asks is another process than the one
    /// who stored it.
    ///
    /// Not with py-libp2p: it takes the key of a value for text and looks for hexadecimal behind `/pk/`, so it refuses the
    /// keys of all others, and they refuse its own.
    @Test(
        .enabled(if: Implementation.go.isAvailable, "\(Implementation.go.absence)"),
        arguments: [(Implementation.swift, Implementation.swift), (.swift, .go), (.go, .swift)]
    )
    func `a public key is stored and found`(dialer: Implementation, holder: Implementation) async throws {
        try await holder.listen(seed: "holder") { address in
            for check in ["put", "get"] {
                let results = try await dialer.dial(address, seed: "kw1", checks: ["connect", check])
                #expect(results == ["PASS connect", "PASS " + check])
            }
        }
    }
}
