import Foundation
import Testing

@testable import GGUF

/// The files of `../shared/testdata`, where it is: models in many formats, and llama.cpp's own vocabularies.
@Suite struct SharedFilesTests {
    static let files = ["gguf", "llamacpp_vocab"].flatMap { name in
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../shared/testdata/\(name)").standardized
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".gguf") }.sorted().map { folder.appendingPathComponent($0) }
    }

    @Test(.enabled(if: !files.isEmpty, "needs ../shared/testdata, which is not here"), arguments: files)
    func `reads a file of llama.cpp`(path: URL) throws {
        try withGGUF(Array(Data(contentsOf: path))) { file in
            #expect(file.metadata["general.architecture"]?.string != nil)
            #expect(file.metadata["tokenizer.ggml.tokens"]?.array?.texts?.isEmpty == false)
        }
    }
}
