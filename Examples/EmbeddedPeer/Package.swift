// swift-tools-version:6.2
import PackageDescription

// In a package of your own, depend on the repository's URL instead of a path.
let package = Package(
    name: "EmbeddedPeer",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "kwaai-swift", path: "../..")],
    targets: [
        .executableTarget(
            name: "EmbeddedPeer",
            dependencies: ["P2PCore", "Kademlia", "ShardProtocol", "BlockServer", "Coordinator", "DemoModel"]
                .map { .product(name: $0, package: "kwaai-swift") }
        )
    ]
)
