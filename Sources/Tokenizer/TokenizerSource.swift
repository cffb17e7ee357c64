import Foundation
internal import GGUF

extension Tokenizer {
    /// Reads a model's tokenizer.
    ///
    /// - Parameter directory: a folder that holds a `tokenizer.json`, else one that holds exactly one `.gguf` file; or such
    ///   a file itself.
    /// - Throws: `unreadable` when there is none, and whatever is wrong with it.
    public init(directory: String) throws(TokenizerError) {
        let files = FileManager.default
        var isFolder: ObjCBool = false
        if files.fileExists(atPath: directory, isDirectory: &isFolder), !isFolder.boolValue {
            try self.init(ggufFile: directory)
            return
        }
        let path = directory + "/tokenizer.json"
        if files.fileExists(atPath: path) {
            try self.init(jsonFile: path)
            return
        }
        let names = (try? files.contentsOfDirectory(atPath: directory)) ?? []
        let candidates = names.filter { $0.hasSuffix(".gguf") }
        guard let only = candidates.first, candidates.count == 1 else {
            let several = candidates.isEmpty ? "" : ", and \(candidates.count) .gguf files to choose from: name one"
            throw TokenizerError(
                .unreadable,
                "there is no readable \(path)\(several). A model's directory needs its tokenizer.json or one .gguf file: "
                    + "fetch it from where the weights came from"
            )
        }
        try self.init(ggufFile: directory + "/" + only)
    }

    private init(jsonFile path: String) throws(TokenizerError) {
        let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int ?? 0
        guard size <= Limits.fileBytes else { throw .fileTooLarge(size) }
        guard let data = FileManager.default.contents(atPath: path) else { throw .unreadable(path) }
        try self.init(json: [UInt8](data))
    }

    /// Maps the file, of which only the header is read.
    private init(ggufFile path: String) throws(TokenizerError) {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped) else {
            throw .unreadable(path)
        }
        let result = data.withUnsafeBytes { bytes in
            Result { () throws(TokenizerError) in try Tokenizer(gguf: bytes) }
        }
        do { self = try result.get() } catch { throw TokenizerError(error.code, "\(path): \(error.message)") }
    }

    /// Reads the vocabulary in the content of a GGUF file; the bytes are not needed afterwards.
    package init(gguf bytes: UnsafeRawBufferPointer) throws(TokenizerError) {
        let file: GGUFFile
        do {
            file = try GGUFFile(bytes)
        } catch {
            throw TokenizerError(error.code == .tooLarge ? .tooLarge : .corrupt, "it holds no tokenizer: \(error)")
        }
        try self.init(gguf: file)
    }
}

extension TokenizerError {
    fileprivate static func unreadable(_ path: String) -> Self {
        Self(.unreadable, "\(path) cannot be read. Check its permissions")
    }
}
