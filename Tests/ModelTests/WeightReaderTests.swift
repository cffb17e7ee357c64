import Foundation
import Testing

@testable import Model

/// What is read once on several threads is what one thread reads, whether or not digests are taken on the way.
@Suite struct WeightReaderTests {
    /// Rows that fill no panel, and more of them than one piece holds.
    private static let plain = TinyModel(hidden: 96, feedForward: 3040, blocks: 3, heads: 3, headDimension: 40)
    private static let fused = TinyModel(
        architecture: "Phi3ForCausalLM",
        hidden: 96,
        feedForward: 3040,
        blocks: 3,
        heads: 3,
        headDimension: 40
    )

    private struct Outcome: Equatable {
        var digests: [[UInt8]]
        var logits: [UInt16]
    }

    private func load(_ directory: ModelDirectory, threads: Int, _ format: Quantization?) throws -> Outcome {
        let loaded = try LoadedRange(directory, range: 0..<3, threads: threads, quantize: format)
        let cache = try loaded.makeCache()
        let logits = try loaded.forward(.tokens([5, 9]), blocks: 0..<3, at: 0, cache: cache, output: .logits(.every))
        return Outcome(digests: loaded.blockDigests, logits: logits)
    }

    @Test(arguments: [nil, Quantization.q8_0, .q4_0], [plain.architecture, fused.architecture])
    func `gives the same with any number of threads and with known digests`(
        format: Quantization?,
        architecture: String
    ) throws {
        try withTemporaryFolder { folder in
            try (architecture == Self.plain.architecture ? Self.plain : Self.fused).write(to: folder)
            let fresh = try ModelDirectory(path: folder, cache: .none)
            let expected = try self.load(fresh, threads: 1, format)
            #expect(Set(expected.digests).count == 3)
            for threads in [2, 5] { #expect(try self.load(fresh, threads: threads, format) == expected) }
            let caching = try ModelDirectory(path: folder, cache: DigestCache(folder: "\(folder)/cache"))
            for _ in 0..<2 { #expect(try self.load(caching, threads: 3, format) == expected) }
        }
    }

    @Test func `tells of panels that are filled while digests are known`() throws {
        try withTemporaryFolder { folder in
            try Self.plain.write(to: folder)
            let directory = try ModelDirectory(path: folder, cache: DigestCache(folder: "\(folder)/cache"))
            for _ in 0..<2 {
                var reports: [Double] = []
                _ = try LoadedRange(directory, range: 0..<3, threads: 3, quantize: .q8_0) { reports.append($0) }
                #expect(reports.count > 10)
                #expect(reports == reports.sorted())
                #expect(reports.last == 1)
            }
        }
    }
}
