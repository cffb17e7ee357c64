// swift-tools-version:6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// Each target holds one subject: `swift package benchmark --target Network`.
func benchmark(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies + [.product(name: "Benchmark", package: "benchmark")],
        path: "Benchmarks/\(name)",
        swiftSettings: swiftSettings,
        plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
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
        benchmark(
            "Network",
            [
                kwaai("P2PCore"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]
        ),
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
        // A plain program too: it takes turns with Hugging Face's tokenizers.
        .executableTarget(
            name: "Tokenization",
            dependencies: [kwaai("Tokenizer"), "CAllocations"],
            path: "Programs/Tokenization",
            swiftSettings: swiftSettings
        ),
        .target(name: "CAllocations", path: "Programs/CAllocations"),
        .target(name: "CMachine", path: "Programs/CMachine"),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17
)
