import Foundation
import Testing

/// A folder that holds `config.json` and `tokenizer.json` of the demo model, and none of its weights.
@Suite(.serialized) struct WeightlessTests {
    private struct Report: Decodable, Equatable {
        var token_ids: [UInt32]
    }

    private static let prompt = ["generate", "Once upon a time", "--json", "--seed", "7", "--max-tokens", "12"]

    private func folder(in home: Home) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder = home.path + "/no-weights"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for file in ["config.json", "tokenizer.json"] {
            let source = root.appendingPathComponent("Sources/CDemoModel/model/\(file)").path
            try FileManager.default.copyItem(atPath: source, toPath: "\(folder)/\(file)")
        }
        return folder
    }

    @Test func `who generates over others needs no weights`() async throws {
        let home = try Home()
        let flags = ["--model", try self.folder(in: home)]
        let expected: Report = try await Program.run(Self.prompt + ["--local"], home: home).json()
        try await withPeers(["0..24"], home: home) { peers in
            let outcome = try await Program.run(Self.prompt + flags + ["--bootstrap", peers[0].address], home: home)
            #expect(outcome.exitCode == 0, "\(outcome.error)")
            #expect(try outcome.json(as: Report.self) == expected)
        }
    }

    @Test(arguments: [
        Self.prompt + ["--local"], ["serve", "--blocks", "0..4", "--listen", "/ip4/127.0.0.1/tcp/0"],
    ])
    func `who computes without weights is told what to download, and where to`(command: [String]) async throws {
        let home = try Home()
        let folder = try self.folder(in: home)
        let outcome = try await Program.run(command + ["--model", folder], home: home)
        #expect(outcome.exitCode == 1)
        #expect(outcome.error.contains("\(folder) holds no weights"), "\(outcome.error)")
        #expect(outcome.error.contains("Download model.safetensors"), "\(outcome.error)")
    }
}
