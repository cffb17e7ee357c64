import Foundation
import Subprocess
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// The `kwaai-swift` that was built together with these tests.
enum Program {
    static let path: FilePath = {
        // The test bundle stands beside the executables of the same build.
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        var folder = bundle.deletingLastPathComponent()
        while folder.path != "/", !FileManager.default.isExecutableFile(atPath: folder.path + "/kwaai-swift") {
            folder.deleteLastPathComponent()
        }
        return FilePath(folder.path + "/kwaai-swift")
    }()

    struct Outcome {
        var exitCode: Int32?
        var output: String
        var error: String

        /// The last line of the output, as an object.
        func json<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
            let line = try #require(self.output.split(separator: "\n").last, "no output; stderr: \(self.error)")
            return try JSONDecoder().decode(Value.self, from: Data(line.utf8))
        }
    }

    /// Runs a command to its end, with folders of its own in place of the user's.
    ///
    /// - Parameter input: what it reads from stdin.
    static func run(_ arguments: [String], home: Home, input: String = "") async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(self.path),
            arguments: Arguments(arguments),
            environment: home.environment,
            input: .string(input),
            output: .string(limit: 16 << 20),
            error: .string(limit: 1 << 20)
        )
        return Outcome(
            exitCode: result.terminationStatus.exitCode,
            output: result.standardOutput,
            error: result.standardError
        )
    }

    /// Runs a line of shell in which `$0` is the program.
    static func shell(_ line: String, home: Home) async throws -> Outcome {
        let result = try await Subprocess.run(
            .path("/bin/sh"),
            arguments: ["-c", line, self.path.string],
            environment: home.environment,
            output: .string(limit: 16 << 20),
            error: .string(limit: 1 << 20)
        )
        return Outcome(
            exitCode: result.terminationStatus.exitCode,
            output: result.standardOutput,
            error: result.standardError
        )
    }

    /// Runs a command and calls `onFirstText` as soon as it prints something.
    static func run(
        _ arguments: [String],
        home: Home,
        input: String = "",
        onFirstText: (ProcessIdentifier) -> Void
    ) async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(self.path),
            arguments: Arguments(arguments),
            environment: home.environment,
            input: .string(input),
            output: .sequence,
            error: .string(limit: 1 << 20)
        ) { execution in
            var output = ""
            for try await buffer in execution.standardOutput {
                if output.isEmpty { onFirstText(execution.processIdentifier) }
                output += buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            }
            return output
        }
        return Outcome(
            exitCode: result.terminationStatus.exitCode,
            output: result.closureResult,
            error: result.standardError
        )
    }
}

extension TerminationStatus {
    var exitCode: Int32? {
        if case .exited(let code) = self { return code }
        return nil
    }
}

/// A folder for the files that a user's commands keep; deleted at the end of the test.
final class Home: Sendable {
    let path: String
    private let variables: [Environment.Key: String]

    /// - Parameter variables: what a command finds in its environment besides these folders.
    init(variables: [Environment.Key: String] = [:]) throws {
        self.variables = variables
        self.path = NSTemporaryDirectory() + "kwaai-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    var environment: Environment {
        let folders: [Environment.Key: String] = [
            "HOME": self.path,
            "XDG_DATA_HOME": self.path + "/data",
            "XDG_STATE_HOME": self.path + "/state",
            "XDG_CONFIG_HOME": self.path + "/config",
            // What other machines serve is not the tests' to use.
            "KWAAI_NO_MDNS": "true",
        ]
        return .inherit.updating(folders).updating(self.variables)
    }
}
