// swift-tools-version:6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// Each target holds one subject: `swift package benchmark --target Routing`.
func benchmark(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies + [.product(name: "Benchmark", package: "benchmark")],
        path: "Benchmarks/\(name)",
        swiftSettings: swiftSettings,
        plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
    )
}

/// A plain program over processes that serve.
func swarm(_ name: String) -> Target {
    .executableTarget(
        name: name,
        dependencies: ["Swarm", kwaai("P2PCore"), kwaai("Kademlia"), kwaai("Coordinator"), kwaai("ShardProtocol")],
        path: "Programs/\(name)",
        swiftSettings: swiftSettings
    )
}

func kwaai(_ name: String) -> Target.Dependency { .product(name: name, package: "kwaai-swift") }

let package = Package(
    name: "kwaai-swift-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "kwaai-swift", path: ".."),
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        benchmark("Routing", [kwaai("KademliaSimulation")]),
        benchmark(
            "Generation",
            [kwaai("P2PCore"), kwaai("Kademlia"), kwaai("BlockServer"), kwaai("Coordinator"), kwaai("DemoModel")]
        ),
        // Not of the library above, which repeats one closure: its readings take turns with others and with llama.cpp.
        // In a folder of their own, since the library's plugin runs every program in Benchmarks as one of its own.
        .executableTarget(
            name: "Inference",
            dependencies: [kwaai("Model"), kwaai("CKernels"), "CMachine"],
            path: "Programs/Inference",
            swiftSettings: swiftSettings
        ),
        // Plain programs too: they take turns with go-libp2p's daemon, and with Hugging Face's tokenizers.
        .executableTarget(
            name: "Transfer",
            dependencies: [kwaai("P2PCore"), .product(name: "NIOCore", package: "swift-nio")],
            path: "Programs/Transfer",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "Tokenization",
            dependencies: [kwaai("Tokenizer"), "CAllocations"],
            path: "Programs/Tokenization",
            swiftSettings: swiftSettings
        ),
        // Over processes of `kwaai-swift serve`, which share the machine's cores.
        .target(
            name: "Swarm",
            dependencies: [
                kwaai("P2PCore"), kwaai("Kademlia"), kwaai("Coordinator"), kwaai("Model"), kwaai("Tokenizer"),
                kwaai("DemoModel"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Programs/Swarm",
            swiftSettings: swiftSettings
        ),
        swarm("Concurrency"),
        swarm("Failures"),
        swarm("WideArea"),
        .target(name: "CAllocations", path: "Programs/CAllocations"),
        .target(name: "CMachine", path: "Programs/CMachine"),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17
)
