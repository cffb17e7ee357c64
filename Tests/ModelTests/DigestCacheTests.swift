import Foundation
import Testing

@testable import Model

@Suite struct DigestCacheTests {
    @Test func `spares reading what has not changed`() throws {
        try withTemporaryFolder { folder in
            let cache = DigestCache(folder: "\(folder)/cache/digests")
            try TinyModel().write(to: folder)
            func load() throws -> (digests: [[UInt8]], reports: [Double]) {
                var reports: [Double] = []
                let directory = try ModelDirectory(path: folder, cache: cache)
                let range = try LoadedRange(directory, range: 1..<4, threads: 1) { reports.append($0) }
                return (range.blockDigests, reports)
            }
            let first = try load()
            #expect(first.reports.count > 1)
            #expect(first.reports == first.reports.sorted())
            #expect(first.reports.last == 1)
            let second = try load()
            #expect(second.digests == first.digests)
            #expect(second.reports == [1])

            try TinyModel(seed: 12).write(to: folder)
            let changed = try load()
            #expect(changed.reports.count > 1)
            #expect(changed.digests != first.digests)
        }
    }

    @Test func `what is damaged is computed again`() throws {
        try withTemporaryFolder { folder in
            try TinyModel().write(to: folder)
            let cacheFolder = "\(folder)/cache"
            let cache = DigestCache(folder: cacheFolder)
            func digests() throws -> [[UInt8]] {
                let directory = try ModelDirectory(path: folder, cache: cache)
                return try LoadedRange(directory, range: 0..<2, threads: 1).blockDigests
            }
            let first = try digests()
            for name in try FileManager.default.contentsOfDirectory(atPath: cacheFolder) {
                let text = #"{"0": "zz", "1": 3, "tokenizer": "00"}"#
                try Data(text.utf8).write(to: URL(fileURLWithPath: "\(cacheFolder)/\(name)"))
            }
            #expect(try digests() == first)
        }
    }
}
