import CKernels
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

    @Test(arguments: Quantization.allCases) func `hashes what is multiplied, tensor by tensor`(
        format: Quantization
    ) throws {
        let directory = try Self.fused.embedded().quantized(to: format)
        let expected = try (0..<3).map { block in
            let hash = directory.startDigest()
            for tensor in try directory.hashedTensors(ofBlock: block) {
                hash.append(tensor.name, tensor.type, tensor.shape)
                tensor.withBytes(of: 0..<tensor.rows, through: RowMemory()) { hash.append($0) }
            }
            return hash.finish()
        }
        #expect(try LoadedRange(directory, range: 0..<3, threads: 2).blockDigests == expected)
    }

    @Test func `fills panels piece by piece as at once`() throws {
        let directory = try Self.plain.embedded().quantized(to: .q8_0)
        let tensors = try directory.hashedTensors(ofBlock: 1)
        let tensor = try #require(tensors.first { $0.name.contains("up_proj") })
        let type = try #require(tensor.type.kernelType)
        // As a part of a tensor that has five more rows before it.
        let (memory, rows) = (PanelMemory(), 5..<5 + tensor.rows)
        let filled = try [[rows], [5 + 48..<rows.upperBound, 5..<5 + 48]].map { pieces in
            let panels = try memory.take(tensor, from: 5, type)
            for piece in pieces {
                let own = piece.lowerBound - 5..<piece.upperBound - 5
                tensor.withBytes(of: own, through: RowMemory()) { panels.fill(piece, from: $0) }
            }
            let count = (tensor.rows + 15) / 16 * kw_panel_bytes(type, tensor.columns)
            return [UInt8](UnsafeRawBufferPointer(start: panels.start, count: count))
        }
        let difference = zip(filled[0], filled[1]).enumerated().first { $1.0 != $1.1 }?.offset
        let hasNumbers = filled[0].contains { $0 != 0 }
        #expect(difference == nil)
        #expect(hasNumbers)
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
