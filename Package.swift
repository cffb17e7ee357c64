// swift-tools-version:6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461
    .enableUpcomingFeature("InferIsolatedConformances"),  // SE-0470
    .enableUpcomingFeature("ImmutableWeakCaptures"),  // SE-0481
    .treatAllWarnings(as: .error),  // SE-0480
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")

let package = Package(
    name: "kwaai-swift",
    platforms: [.macOS(.v15)],
    products: [
        // Peer ids, keys and multiaddrs, which every call of P2PCore takes, come with it.
        .library(name: "P2PCore", targets: ["P2PCore", "P2PWire"]),
        .library(name: "Kademlia", targets: ["Kademlia"]),
        .library(name: "KademliaSimulation", targets: ["KademliaSimulation"]),
        .library(name: "ShardProtocol", targets: ["ShardProtocol"]),
        .library(name: "CKernels", targets: ["CKernels"]),
        .library(name: "Model", targets: ["Model"]),
        .library(name: "Tokenizer", targets: ["Tokenizer"]),
        .library(name: "DemoModel", targets: ["DemoModel"]),
        .library(name: "BlockServer", targets: ["BlockServer"]),
        .library(name: "Coordinator", targets: ["Coordinator"]),
        .executable(name: "kwaai-swift", targets: ["kwaai-swift"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.1.4"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // System libraries: each names the Debian package and the Homebrew formula that hold it.
        .systemLibrary(
            name: "CSodium",
            pkgConfig: "libsodium",
            providers: [.apt(["libsodium-dev"]), .brew(["libsodium"])]
        ),
        .systemLibrary(
            name: "COpenSSL",
            pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]
        ),
        .systemLibrary(
            name: "CMsgpack",
            pkgConfig: "msgpack",
            providers: [.apt(["libmsgpack-dev"]), .brew(["msgpack"])]
        ),
        .systemLibrary(
            name: "COniguruma",
            pkgConfig: "oniguruma",
            providers: [.apt(["libonig-dev"]), .brew(["oniguruma"])]
        ),
        .systemLibrary(
            name: "CJansson",
            pkgConfig: "jansson",
            providers: [.apt(["libjansson-dev"]), .brew(["jansson"])]
        ),

        // The network, from bytes to peers.
        .target(
            name: "P2PWire",
            dependencies: ["CSodium", "COpenSSL", nioCore, protobuf],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "P2PCore",
            dependencies: ["P2PWire", nioCore, nioPosix, logging, metrics],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "KademliaCore",
            dependencies: ["P2PWire", nioCore, protobuf],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "KademliaSimulation",
            dependencies: ["KademliaCore", "P2PWire", nioCore],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "Kademlia",
            dependencies: ["KademliaCore", "P2PCore", "P2PWire", nioCore, logging, metrics],
            swiftSettings: swiftSettings
        ),

        // What both sides of an inference say, and what they decide.
        .target(
            name: "ShardProtocol",
            dependencies: ["P2PCore", "P2PWire", "CMsgpack", nioCore, protobuf, logging, metrics],
            swiftSettings: swiftSettings
        ),
        .target(name: "SwarmCore", dependencies: ["ShardProtocol", "P2PWire"], swiftSettings: swiftSettings),
        .target(
            name: "SwarmSimulation",
            dependencies: ["SwarmCore", "ShardProtocol", "P2PWire", "KademliaSimulation", nioCore],
            swiftSettings: swiftSettings
        ),

        // Tells what the others count through swift-metrics.
        .target(
            name: "Prometheus",
            dependencies: [
                nioCore, nioPosix, .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            swiftSettings: swiftSettings
        ),

        // The model: knows nothing of peers.
        .target(name: "CKernels"),
        .target(name: "CDemoModel", exclude: ["model"]),
        .target(name: "StrictJSON", dependencies: ["CJansson"], swiftSettings: swiftSettings),
        .target(name: "GGUF", swiftSettings: swiftSettings),
        .target(
            name: "Model",
            dependencies: ["CKernels", "COpenSSL", "StrictJSON", "GGUF"],
            swiftSettings: swiftSettings
        ),
        .target(name: "Jinja", swiftSettings: swiftSettings),
        .target(
            name: "Tokenizer",
            dependencies: ["COniguruma", "GGUF", "Jinja", "StrictJSON"],
            swiftSettings: swiftSettings
        ),

        .target(name: "DemoModel", dependencies: ["CDemoModel", "Model", "Tokenizer"], swiftSettings: swiftSettings),

        // The two roles of a peer.
        .target(
            name: "BlockServer",
            dependencies: [
                "SwarmCore", "ShardProtocol", "Kademlia", "Model", "P2PCore", "P2PWire", nioCore, logging, metrics,
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "Coordinator",
            dependencies: [
                "SwarmCore", "ShardProtocol", "Kademlia", "Tokenizer", "P2PCore", "P2PWire", "Model", nioCore, logging,
                metrics, .product(name: "AsyncAlgorithms", package: "swift-async-algorithms"),
            ],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "kwaai-swift",
            dependencies: [
                "BlockServer", "Coordinator", "Kademlia", "P2PCore", "P2PWire", "ShardProtocol", "SwarmCore", "Model",
                "StrictJSON", "Tokenizer", "DemoModel", "Prometheus", logging, metrics,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings
        ),

        // The peer of the interop tests; no product, so that nobody installs it.
        .executableTarget(
            name: "interop-peer",
            dependencies: [
                "Kademlia", "P2PCore", "P2PWire", "ShardProtocol", nioCore, nioPosix, logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings
        ),

        // Tests: one target per source target, then the suites that need whole processes.
        .testTarget(name: "P2PWireTests", dependencies: ["P2PWire", nioCore], swiftSettings: swiftSettings),
        .testTarget(
            name: "P2PCoreTests",
            dependencies: ["P2PCore", "P2PWire", nioCore, nioPosix, nioEmbedded, logging],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "KademliaCoreTests",
            dependencies: ["KademliaCore", "KademliaSimulation", "P2PWire", nioCore],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "KademliaTests",
            dependencies: ["Kademlia", "KademliaCore", "P2PCore", "P2PWire", nioCore, logging],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ShardProtocolTests",
            dependencies: ["ShardProtocol", "P2PCore", "P2PWire", nioCore, nioPosix],
            exclude: ["Goldens"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "SwarmCoreTests",
            dependencies: ["SwarmCore", "ShardProtocol", "P2PWire"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "SwarmSimulationTests",
            dependencies: ["SwarmSimulation", "ShardProtocol"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "PrometheusTests",
            dependencies: [
                "Prometheus", nioCore, nioPosix, .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(name: "StrictJSONTests", dependencies: ["StrictJSON"], swiftSettings: swiftSettings),
        // Writes GGUF files for the tests of whoever reads them.
        .target(
            name: "GGUFSamples",
            dependencies: ["GGUF"],
            path: "Tests/GGUFSamples",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "JinjaTests",
            dependencies: ["Jinja", "StrictJSON"],
            exclude: ["Fixtures"],
            swiftSettings: swiftSettings
        ),
        .testTarget(name: "GGUFTests", dependencies: ["GGUF", "GGUFSamples"], swiftSettings: swiftSettings),
        // Counts what a test allocates.
        .target(name: "CAllocations", path: "Tests/CAllocations"),
        .testTarget(
            name: "ModelTests",
            dependencies: ["Model", "StrictJSON", "CAllocations", "CKernels", "CDemoModel", "GGUF", "GGUFSamples"],
            exclude: ["Fixtures"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "TokenizerTests",
            dependencies: ["Tokenizer", "StrictJSON", "CDemoModel", "GGUF", "GGUFSamples"],
            exclude: ["Fixtures"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "BlockServerTests",
            dependencies: [
                "BlockServer", "SwarmCore", "ShardProtocol", "Kademlia", "Model", "P2PCore", "P2PWire", nioCore,
                logging, .product(name: "MetricsTestKit", package: "swift-metrics"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "CoordinatorTests",
            dependencies: [
                "Coordinator", "BlockServer", "SwarmCore", "ShardProtocol", "Kademlia", "Model", "Tokenizer", "P2PCore",
                "P2PWire", "DemoModel", nioCore,
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "FuzzTests",
            dependencies: ["GGUF", "GGUFSamples", "Jinja", "Model", "Tokenizer"],
            swiftSettings: swiftSettings
        ),
        // Every reader of what peers send, as something to fuzz: under libFuzzer by `fuzz-wire`, which `scripts/fuzz`
        // builds for it, and in the tests with what it has found.
        .target(
            name: "WireFuzzing",
            dependencies: ["P2PWire", "KademliaCore", "ShardProtocol", nioCore],
            path: "Tests/WireFuzzing",
            exclude: ["Corpora"],
            swiftSettings: swiftSettings
        ),
        .systemLibrary(name: "CLibFuzzer", path: "Tests/CLibFuzzer"),
        .executableTarget(
            name: "fuzz-wire",
            dependencies: ["WireFuzzing", "CLibFuzzer", nioCore],
            path: "Tests/fuzz-wire",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "SoakTests",
            dependencies: ["P2PCore", "P2PWire", "CSodium", nioCore, logging],
            swiftSettings: swiftSettings
        ),
        .testTarget(name: "WireFuzzTests", dependencies: ["WireFuzzing", nioCore], swiftSettings: swiftSettings),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "kwaai-swift", "GGUFSamples", .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "InteropTests",
            dependencies: ["interop-peer"],
            exclude: ["peers"],
            swiftSettings: swiftSettings
        ),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17
)
