import Foundation
import Testing

/// The test data that stands beside the repository, where it does.
private enum Stories {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent()
        .appendingPathComponent("shared/testdata/stories260K")
        .path

    static let isPresent = FileManager.default.fileExists(atPath: folder + "/expected.txt")
}

/// A real model that somebody else trained, through the whole program.
@Suite(.enabled(if: Stories.isPresent, "needs ../shared/testdata/stories260K, which is not here"))
struct StoriesTests {
    private static let model = ["--model", Stories.folder + "/hf"]
    private static let prompt =
        ["generate", "Once upon a time", "--temperature", "0", "--max-tokens", "120"] + model

    /// The text, and the line end that a terminal wants.
    private func expected() throws -> String {
        try String(contentsOfFile: Stories.folder + "/expected.txt", encoding: .utf8) + "\n"
    }

    @Test func `one process tells the expected story`() async throws {
        let outcome = try await Program.run(Self.prompt + ["--local"], home: Home())
        #expect(outcome.exitCode == 0, "\(outcome.error)")
        #expect(outcome.output == (try self.expected()))
    }

    @Test func `two peers tell the expected story`() async throws {
        let home = try Home()
        try await withPeers(["0..2", "2..5"], home: home, flags: Self.model) { peers in
            let outcome = try await Program.run(Self.prompt + ["--bootstrap", peers[0].address], home: home)
            #expect(outcome.exitCode == 0, "\(outcome.error)")
            #expect(outcome.output == (try self.expected()))
        }
    }
}
