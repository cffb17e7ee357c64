import Foundation

/// An implementation of libp2p that takes part: each as a program with the commands and the output of `interop-peer`.
enum Implementation: String, Sendable, CaseIterable {
    case swift
    case python = "py"
    case go

    private static let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    private static let peers = here.appendingPathComponent("peers")
    /// Foreign programs live in the build folder: downloaded once, never committed.
    private static let cache = here.deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent(".build/interop")

    private static let missing: [Implementation: String] = {
        var missing: [Implementation: String] = [:]
        for implementation in [Implementation.python, .go] {
            missing[implementation] = Self.prepare(implementation)
        }
        return missing
    }()

    var isAvailable: Bool { Self.missing[self] == nil }

    /// Why the implementation is left out.
    var absence: String { "\(self.rawValue): \(Self.missing[self] ?? "available")" }

    /// The program and the arguments that come before the command.
    private var command: [String] {
        switch self {
        case .swift: [Self.products.appendingPathComponent("interop-peer").path]
        case .python: [Self.cache.path + "/py/bin/python", Self.peers.path + "/py_peer.py"]
        case .go: ["/usr/bin/env", "python3", Self.peers.path + "/go_peer.py", Self.cache.path + "/p2pd"]
        }
    }

    /// Where the build put its products, and with them the running tests.
    private static var products: URL {
        #if canImport(Darwin)
            for bundle in Bundle.allBundles where bundle.bundlePath.hasSuffix(".xctest") {
                return bundle.bundleURL.deletingLastPathComponent()
            }
        #endif
        return URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    }

    /// - Returns: why the implementation cannot be had; nil if it can.
    private static func prepare(_ implementation: Implementation) -> String? {
        let program = Program([peers.path + "/prepare", implementation.rawValue, cache.path])
        do {
            try program.start()
            let output = program.remainingLines()
            return program.waitUntilExit() == 0 ? nil : "cannot be had here: \(output.last ?? "no reason given")"
        } catch {
            return "cannot be had here: \(error)"
        }
    }

    func program(_ arguments: [String]) -> Program {
        Program(self.command + arguments)
    }

    /// What both commands of our peer need to speak the DHT that the others speak, which know no other.
    private var common: [String] { self == .swift ? ["--prefix", "/ipfs"] : [] }

    /// Dials `address`, runs `checks`, and hands over the lines that say how they ended.
    func dial(_ address: String, seed: String, checks: [String], _ more: [String] = []) async throws -> [String] {
        let program = self.program(
            ["dial", address, "--seed", seed, "--only", checks.joined(separator: ",")] + self.common + more
        )
        try program.start()
        return await program.finish(within: .seconds(90)).filter { $0.hasPrefix("PASS ") || $0.hasPrefix("FAIL ") }
    }

    /// Listens for as long as the body runs.
    func listen(
        seed: String,
        _ more: [String] = [],
        _ body: (_ address: String) async throws -> Void
    ) async throws {
        let program = self.program(["listen", "--seed", seed] + self.common + more)
        try program.start()
        do {
            try await body(program.address())
        } catch {
            program.stop()
            throw error
        }
        program.stop()
    }
}
