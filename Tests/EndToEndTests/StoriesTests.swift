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

    /// What one process tells, and what two peers tell.
    private func stories(_ flags: [String]) async throws -> (alone: String, together: String) {
        let home = try Home()
        let prompt = ["generate", "Once upon a time", "--temperature", "0", "--max-tokens", "60"] + flags
        let alone = try await Program.run(prompt + ["--local"], home: home)
        #expect(alone.exitCode == 0, "\(alone.error)")
        let together = try await withPeers(["0..2", "2..5"], home: home, flags: flags) { peers in
            try await Program.run(prompt + ["--bootstrap", peers[0].address], home: home)
        }
        #expect(together.exitCode == 0, "\(together.error)")
        return (alone.output, together.output)
    }

    @Test(arguments: ["q8_0", "q4_0"])
    func `weights that are quantised while loading tell one story on one machine or two`(format: String) async throws {
        let (alone, together) = try await self.stories(Self.model + ["--quantize", format])
        #expect(alone == together)
        #expect(alone.hasPrefix("Once upon a time"))
    }

    @Test(arguments: ["F16", "Q8_0", "Q4_0"])
    func `a GGUF file tells one story on one machine or two`(format: String) async throws {
        let file = URL(fileURLWithPath: Stories.folder).deletingLastPathComponent()
            .appendingPathComponent("gguf/stories260K-\(format).gguf").path
        let (alone, together) = try await self.stories(["--model", file])
        #expect(alone == together)
        #expect(alone.hasPrefix("Once upon a time, there was a"))
    }
}
