import Foundation
import GGUFSamples
import Testing

@testable import Model

/// What a loaded range costs: the pages of its own tensors, and not those of the rest of the file.
@Suite struct ResidencyTests {
    private static let smaps = "/proc/self/smaps"

    /// A file system with large folios maps up to 2 MiB around a page that is touched: at both ends of the ranges, which
    /// adjoin, and behind the header.
    private static let slack = 3 << 21

    @Test(
        .enabled(if: FileManager.default.fileExists(atPath: smaps), "only Linux says which pages are resident"),
        arguments: [false, true]
    ) func `memory grows with the range`(isGGUF: Bool) throws {
        try withTemporaryFolder { folder in
            var model = TinyModel(hidden: 256, feedForward: 1024, blocks: 24)
            if isGGUF {
                model.architecture = "Qwen3ForCausalLM"
                let file = try TinyGGUF(model: model, name: "qwen3").sample().bytes
                try Data(file).write(to: URL(fileURLWithPath: "\(folder)/tiny.gguf"))
            } else {
                try model.write(to: folder)
            }
            let directory = try ModelDirectory(path: folder, cache: .none)
            let whole = try directory.weightBytes(of: 0..<24)
            #expect(try self.residentBytes(of: folder) <= Self.slack)

            var needed = 0
            for range in [8..<12, 12..<20] {
                needed += try directory.weightBytes(of: range)
                let loaded = try LoadedRange(directory, range: range, threads: 1)
                let cache = try loaded.makeCache()
                let input = LoadedRange.Input.hidden([UInt16](repeating: 0x3C00, count: model.hidden))
                _ = try loaded.forward(input, blocks: range, at: 0, cache: cache, output: .hidden)
                let resident = try self.residentBytes(of: folder)
                #expect(resident >= needed && resident <= needed + Self.slack, "\(resident) of \(whole) for \(range)")
            }
            #expect(needed + Self.slack < whole * 3 / 4, "the test would not notice that all is resident")
        }
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: smaps), "only Linux says which pages are resident"))
    func `a file whose weights were copied into panels is released`() throws {
        try withTemporaryFolder { folder in
            let model = TinyModel(hidden: 256, feedForward: 1024, blocks: 24)
            try model.write(to: folder)
            let directory = try ModelDirectory(path: folder, cache: .none)
            let loaded = try LoadedRange(directory, range: 0..<24, threads: 2, quantize: .q8_0)
            #expect(try directory.weightBytes(of: loaded.range) > 4 * Self.slack)
            #expect(try self.residentBytes(of: folder) <= Self.slack)
        }
    }

    /// Bytes of the files in `folder` that this process has in memory.
    private func residentBytes(of folder: String) throws -> Int {
        var isOfFolder = false
        var bytes = 0
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: Self.smaps))
        // A file of /proc has no size, so it is read to its end.
        let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first?.contains("-") == true {
                isOfFolder = line.contains(URL(fileURLWithPath: folder).lastPathComponent)
            } else if isOfFolder, words.first == "Rss:", words.count > 1 {
                bytes += 1024 * (Int(words[1]) ?? 0)
            }
        }
        return bytes
    }
}
