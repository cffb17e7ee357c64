public import Coordinator
import DemoModel
import Foundation
public import Kademlia
public import Model
public import P2PCore
import P2PWire
import Tokenizer

/// What generates: a model, and the program that serves it.
public struct Subject: Sendable {
    /// A folder or a GGUF file; nil for the demo model.
    public let path: String?
    public let model: ModelDirectory
    public let coordinator: Coordinator
    private let tokenizer: Tokenizer
    /// The `kwaai-swift` that serves.
    public let program: String

    public init(model path: String?) throws {
        self.path = path
        self.program = ProcessInfo.processInfo.environment["KWAAI_SWIFT"] ?? "../.build/release/kwaai-swift"
        if let path {
            self.model = try ModelDirectory(path: path)
            self.tokenizer = try Tokenizer(directory: path)
        } else {
            self.model = try DemoModel.directory()
            self.tokenizer = try DemoModel.tokenizer()
        }
        self.coordinator = try Coordinator(model: self.model, tokenizer: self.tokenizer)
    }

    /// One whose steps go that way.
    public func coordinator(_ way: StepWay) throws -> Coordinator {
        try Coordinator(model: self.model, tokenizer: self.tokenizer, way: way)
    }

    /// A start of the same length for every model. The demo model reads it as a story.
    public func prompt(_ number: Int = 0) throws -> [UInt32] {
        guard self.path != nil else { return try self.coordinator.tokens(of: "Once upon a time") }
        return (0..<8).map { UInt32(100 + 37 * number + $0) }
    }

    /// The blocks of each of so many hops.
    public func ranges(hops: Int) -> [Range<Int>] {
        let count = self.model.configuration.blockCount
        return (0..<hops).map { $0 * count / hops..<($0 + 1) * count / hops }
    }

    public func launch(_ blocks: Range<Int>) -> Server.Launch {
        Server.Launch(self.program, model: self.path, blocks: blocks)
    }

    /// Runs `body` with a peer of this process that has joined those at `bootstrap`.
    public func withPeer<Result: Sendable>(
        joining bootstrap: [String],
        _ body: (P2PCore.Host, DHT) async throws -> Result
    ) async throws -> Result {
        let bootstrap = try bootstrap.map { try Multiaddr($0) }
        // It dials only, as `generate` does, so that no connection comes past a proxy.
        return try await withHost(P2PCore.Host.Configuration()) { host in
            try await withDHT(host: host, configuration: .init(mode: .client, bootstrap: bootstrap)) {
                try await body(host, $0)
            }
        }
    }
}

extension Double {
    public func rounded(_ places: Int) -> Double {
        let scale = pow(10, Double(places))
        return (self * scale).rounded() / scale
    }
}
