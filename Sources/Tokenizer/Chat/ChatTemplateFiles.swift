import Foundation
internal import GGUF
internal import StrictJSON

extension ChatTemplate {
    /// Reads the template that came with a model, from the first of these that has one: `chat_template.jinja` (and
    /// `additional_chat_templates/NAME.jinja`), `tokenizer_config.json`, `chat_template.json`, a `.gguf` file.
    ///
    /// - Parameter directory: the model's folder, or a `.gguf` file.
    /// - Throws: `noTemplate` where there is none, and whatever is wrong with it.
    public init(directory: String) throws(TokenizerError) {
        let files = ModelTextFiles(directory)
        if let file = files.gguf {
            try self.init(ggufFile: file)
            return
        }
        let config = try files.json("tokenizer_config.json")
        var sources = try files.jinjaSources()
        if sources.isEmpty { sources = try Self.sources(in: config?["chat_template"]) }
        if sources.isEmpty { sources = try Self.sources(in: try files.json("chat_template.json")?["chat_template"]) }
        guard !sources.isEmpty else { throw .noTemplate(directory) }
        let map = try files.json("special_tokens_map.json")
        try self.init(sources: sources, specialTokens: Self.specialTokens(config, map))
    }

    /// One template, or a list of named ones.
    private static func sources(in value: JSON?) throws(TokenizerError) -> [String: String] {
        guard let value else { return [:] }
        if let source = value.string { return ["default": source] }
        var sources: [String: String] = [:]
        for entry in value.array ?? [] {
            guard let name = entry["name"]?.string, let source = entry["template"]?.string else {
                throw .corrupt("its chat_template is a list of something else than names and templates")
            }
            sources[name] = source
        }
        return sources
    }

    private static let tokenNames = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    /// Each as a text or as an object with its content; the newer file wins.
    private static func specialTokens(_ config: JSON?, _ map: JSON?) -> [String: String] {
        var tokens: [String: String] = [:]
        for name in tokenNames {
            let value = config?[name] ?? map?[name]
            tokens[name] = value?.string ?? value?["content"]?.string
        }
        for member in config?["extra_special_tokens"]?.members ?? [] {
            tokens[member.key] = member.value.string ?? member.value["content"]?.string
        }
        return tokens
    }

    // MARK: - GGUF

    /// Maps the file, of which only the header is read.
    private init(ggufFile path: String) throws(TokenizerError) {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped) else {
            throw TokenizerError(.unreadable, "\(path) cannot be read. Check its permissions")
        }
        let result = data.withUnsafeBytes { bytes in
            Result { () throws(TokenizerError) in try ChatTemplate(gguf: bytes, path: path) }
        }
        self = try result.get()
    }

    /// Reads the template in the content of a GGUF file; the bytes are not needed afterwards.
    init(gguf bytes: UnsafeRawBufferPointer, path: String) throws(TokenizerError) {
        let file: GGUFFile
        do {
            file = try GGUFFile(bytes)
        } catch {
            throw TokenizerError(error.code == .tooLarge ? .tooLarge : .corrupt, "\(path) \(error)")
        }
        let key = "tokenizer.chat_template"
        var sources: [String: String] = [:]
        if let source = file.metadata[key]?.string { sources["default"] = source }
        for (name, value) in file.metadata where name.hasPrefix(key + ".") {
            sources[String(name.dropFirst(key.count + 1))] = value.string
        }
        guard !sources.isEmpty else { throw .noTemplate(path) }
        try self.init(sources: sources, specialTokens: Self.specialTokens(of: file))
    }

    /// GGUF names special tokens by their ids.
    private static func specialTokens(of file: GGUFFile) -> [String: String] {
        let prefix = "tokenizer.ggml."
        let texts = file.metadata[prefix + "tokens"]?.array?.texts ?? []
        var tokens: [String: String] = [:]
        for (name, key) in [
            ("bos_token", "bos_token_id"), ("eos_token", "eos_token_id"), ("unk_token", "unknown_token_id"),
            ("sep_token", "seperator_token_id"), ("pad_token", "padding_token_id"), ("cls_token", "cls_token_id"),
            ("mask_token", "mask_token_id"),
        ] {
            guard let id = file.metadata[prefix + key]?.integer, texts.indices.contains(id) else { continue }
            tokens[name] = texts[id].string
        }
        return tokens
    }
}

/// The small files beside a model's tokenizer.
private struct ModelTextFiles {
    private let directory: String
    /// The model's file, where it is one or the folder holds nothing else.
    let gguf: String?

    init(_ directory: String) {
        self.directory = directory
        let files = FileManager.default
        var isFolder: ObjCBool = false
        if files.fileExists(atPath: directory, isDirectory: &isFolder), !isFolder.boolValue {
            gguf = directory
            return
        }
        let names = (try? files.contentsOfDirectory(atPath: directory)) ?? []
        let candidates = names.filter { $0.hasSuffix(".gguf") }
        let isAlone = candidates.count == 1 && !names.contains("tokenizer.json")
        gguf = isAlone ? directory + "/" + candidates[0] : nil
    }

    private func content(of name: String) throws(TokenizerError) -> Data? {
        let path = directory + "/" + name
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else { return nil }
        let size = attributes[.size] as? Int ?? 0
        guard size <= Limits.templateFileBytes else {
            throw TokenizerError(.tooLarge, "\(path) has \(size) bytes, more than \(Limits.templateFileBytes)")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw TokenizerError(.unreadable, "\(path) cannot be read. Check its permissions")
        }
        return data
    }

    /// nil where there is no such file.
    func json(_ name: String) throws(TokenizerError) -> JSON? {
        guard let data = try content(of: name) else { return nil }
        do {
            return try JSON(parsing: data)
        } catch {
            throw .corrupt("\(directory)/\(name) is not JSON: \(error)")
        }
    }

    func jinjaSources() throws(TokenizerError) -> [String: String] {
        var sources: [String: String] = [:]
        sources["default"] = try text(of: "chat_template.jinja")
        let folder = "additional_chat_templates"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory + "/" + folder)) ?? []
        for name in names.sorted().prefix(Limits.namedTemplates) where name.hasSuffix(".jinja") {
            sources[String(name.dropLast(6))] = try text(of: folder + "/" + name)
        }
        return sources
    }

    private func text(of name: String) throws(TokenizerError) -> String? {
        guard let data = try content(of: name) else { return nil }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw .corrupt("\(directory)/\(name) is not UTF-8")
        }
        return text
    }
}

extension TokenizerError {
    fileprivate static func noTemplate(_ model: String) -> Self {
        Self(
            .noTemplate,
            "\(model) has no chat template, as models that only continue texts have none: use a model made for "
                + "conversations, or write a chat_template.jinja into its folder"
        )
    }
}
