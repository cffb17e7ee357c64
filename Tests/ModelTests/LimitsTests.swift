import Foundation
import Testing

@testable import Model

/// The bounds that no other suite reaches.
@Suite struct LimitsTests {
    @Test func `a small file may fill its bound and not one byte more`() throws {
        try withTemporaryFolder { folder in
            try TinyModel().write(to: folder)
            let path = URL(fileURLWithPath: "\(folder)/config.json")
            let text = Data(TinyModel().configuration.utf8)
            let padding = Data(repeating: 0x20, count: Limits.configurationBytes - text.count)
            try (text + padding).write(to: path)
            _ = try ModelDirectory(path: folder, cache: .none)
            try (text + padding + [0x20]).write(to: path)
            #expect(modelError { _ = try ModelDirectory(path: folder, cache: .none) }?.code == .invalidFile)
        }
    }

    @Test func `an index names no more files than its bound`() throws {
        try withTemporaryFolder { folder in
            try TinyModel().write(to: folder)
            try FileManager.default.removeItem(atPath: "\(folder)/model.safetensors")
            func error(files: Int) throws -> ModelError? {
                let entries = (0..<files).map { "\"t\($0)\":\"\($0).safetensors\"" }.joined(separator: ",")
                let path = URL(fileURLWithPath: "\(folder)/model.safetensors.index.json")
                try Data("{\"weight_map\":{\(entries)}}".utf8).write(to: path)
                return modelError { _ = try ModelDirectory(path: folder, cache: .none) }
            }
            #expect(try error(files: Limits.shards) == nil)
            #expect(try error(files: Limits.shards + 1)?.code == .invalidFile)
        }
    }

    @Test func `a step longer than a pass gives what shorter ones give`() throws {
        let model = TinyModel()
        let range = try LoadedRange(model.embedded(), range: 0..<model.blocks, threads: 1)
        let tokens = (0..<Limits.tokensPerPass + 5).map { UInt32($0 % model.vocabulary) }
        func run(_ chunks: [Int]) throws -> [UInt16] {
            let cache = try range.makeCache()
            return try chunks.flatMap { count in
                let input = LoadedRange.Input.tokens(Array(tokens[cache.length..<cache.length + count]))
                return try range.forward(
                    input,
                    blocks: range.range,
                    at: cache.length,
                    cache: cache,
                    output: .logits(.every)
                )
            }
        }
        #expect(try run([Limits.tokensPerPass + 5]) == run([100, Limits.tokensPerPass - 100, 5]))
    }
}
