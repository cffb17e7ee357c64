import Foundation
import NIOCore
import Testing
import WireFuzzing

/// What the fuzzer has found, once more: each input reached some code, or broke a promise once.
@Suite struct CorpusTests {
    private static let corpora = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../WireFuzzing/Corpora").standardizedFileURL

    private static func files(of target: FuzzTarget) throws -> [URL] {
        let folder = Self.corpora.appending(path: target.name)
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
    }

    @Test(arguments: FuzzTarget.all)
    func `keeps its promises on every input that was ever found`(target: FuzzTarget) throws {
        let files = try Self.files(of: target)
        #expect(!files.isEmpty, "no inputs: scripts/fuzz \(target) finds some")
        for file in files {
            let input = ByteBuffer(bytes: try Data(contentsOf: file))
            do { try target.run(input) } catch { Issue.record("\(target)/\(file.lastPathComponent): \(error)") }
        }
    }

    @Test(arguments: FuzzTarget.all)
    func `keeps its promises on inputs that are cut off anywhere`(target: FuzzTarget) throws {
        for file in try Self.files(of: target).prefix(40) {
            let input = ByteBuffer(bytes: try Data(contentsOf: file))
            // At most 16 cuts of each: a handshake takes half a millisecond.
            for length in stride(from: 0, to: input.readableBytes, by: input.readableBytes / 16 + 1) {
                guard let head = input.getSlice(at: 0, length: length) else { continue }
                do { try target.run(head) } catch {
                    Issue.record("\(target)/\(file.lastPathComponent), \(length) bytes: \(error)")
                }
            }
        }
    }

    @Test func `every folder of inputs belongs to a target`() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.corpora.path)
        #expect(Set(folders) == Set(FuzzTarget.all.map(\.name)))
    }
}
