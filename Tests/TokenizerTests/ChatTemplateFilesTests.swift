import Foundation
import GGUF
import GGUFSamples
import StrictJSON
import Testing

@testable import Tokenizer

@Suite struct ChatTemplateFilesTests {
    private let user = [ChatMessage(role: "user", content: "Hi")]
    private let config =
        #"{"chat_template": "config {{ bos_token }}", "bos_token": "<s>", "eos_token": {"content": "</s>"}}"#

    /// What a folder with these files makes of one message, with tools or without.
    private func text(of files: [String: String], tools: Bool = false) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "chat-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder.appending(path: "additional_chat_templates"),
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, content) in files { try Data(content.utf8).write(to: folder.appending(path: name)) }
        let chat = try ChatTemplate(directory: folder.path)
        guard tools else { return try chat.render(user) }
        return try chat.render(try json(#"{"messages": [{"role": "user", "content": "Hi"}], "tools": []}"#))
    }

    @Test func `the template comes from the first file that has one`() throws {
        let all = [
            "chat_template.jinja": "jinja {{ eos_token }}", "tokenizer_config.json": config,
            "chat_template.json": #"{"chat_template": "json"}"#,
        ]
        #expect(try text(of: all) == "jinja </s>")
        #expect(try text(of: all.filter { $0.key != "chat_template.jinja" }) == "config <s>")
        #expect(try text(of: all.filter { $0.key == "chat_template.json" }) == "json")
    }

    @Test func `of several templates that for tools is taken where there are tools`() throws {
        let named = #"[{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "tools"}]"#
        let list = ["tokenizer_config.json": #"{"chat_template": \#(named)}"#]
        #expect(try text(of: list) == "plain")
        #expect(try text(of: list, tools: true) == "tools")
        let files = ["chat_template.jinja": "plain", "additional_chat_templates/tool_use.jinja": "tools"]
        #expect(try text(of: files) == "plain")
        #expect(try text(of: files, tools: true) == "tools")
    }

    @Test func `several templates without a default are refused with their names`() {
        let named = #"[{"name": "rag", "template": "x"}, {"name": "other", "template": "y"}]"#
        let error = #expect(throws: TokenizerError.self) {
            try text(of: ["tokenizer_config.json": #"{"chat_template": \#(named)}"#])
        }
        #expect(error?.code == .noTemplate)
        #expect(error?.message.contains("other, rag") == true)
    }

    @Test func `a model without a template is refused with the remedy`() {
        let error = #expect(throws: TokenizerError.self) { try text(of: ["tokenizer_config.json": "{}"]) }
        #expect(error?.code == .noTemplate)
        #expect(error?.message.contains("chat_template.jinja") == true)
    }

    @Test func `tokens that only the older file names are known`() throws {
        let files = [
            "chat_template.jinja": "{{ eos_token }} {{ pad_token is defined }} {{ image_token }}",
            "tokenizer_config.json": #"{"extra_special_tokens": {"image_token": "<img>"}}"#,
            "special_tokens_map.json": #"{"eos_token": {"content": "<end>"}}"#,
        ]
        #expect(try text(of: files) == "<end> False <img>")
    }

    @Test func `a GGUF file holds templates, and names its special tokens by their ids`() throws {
        let sample = GGUFSample([
            ("tokenizer.chat_template", .text("{{ bos_token }}{{ eos_token }}{{ messages[0].content }}")),
            ("tokenizer.chat_template.tool_use", .text("tools")),
            ("tokenizer.ggml.tokens", .texts(["<unk>", "<s>", "</s>"])),
            ("tokenizer.ggml.bos_token_id", .uint32(1)), ("tokenizer.ggml.eos_token_id", .uint32(2)),
            ("tokenizer.ggml.padding_token_id", .uint32(9)),
        ])
        try sample.bytes.withUnsafeBytes { bytes in
            let chat = try ChatTemplate(gguf: bytes, path: "model.gguf")
            #expect(try chat.render(user) == "<s></s>Hi")
            #expect(chat.specialTokens == ["bos_token": "<s>", "eos_token": "</s>"])
            #expect(try chat.render(try json(#"{"messages": [{"role": "user"}], "tools": []}"#)) == "tools")
        }
        let error = #expect(throws: TokenizerError.self) {
            try GGUFSample().bytes.withUnsafeBytes { try ChatTemplate(gguf: $0, path: "model.gguf") }
        }
        #expect(error?.code == .noTemplate)
    }

    @Test func `files that are damaged or too large are refused`() {
        for files in [
            ["tokenizer_config.json": "{"], ["tokenizer_config.json": #"{"chat_template": [1]}"#],
            ["chat_template.jinja": "{% if %}"],
            ["chat_template.jinja": String(repeating: "x", count: Limits.templateFileBytes + 1)],
        ] {
            #expect(throws: TokenizerError.self) { try text(of: files) }
        }
    }
}

@Suite(.enabled(if: TestData.shared != nil, "needs the templates of real models in ../shared/testdata"))
struct GoldenChatTests {
    private static let tokenizers = [
        "Llama-2-chat": "tinyllama", "TinyLlama-Chat": "tinyllama", "Llama-3-Instruct": "llama3.2",
        "Llama-3.1-Instruct": "llama3.2", "Llama-3.2-Instruct": "llama3.2", "Mistral-7B-Instruct-v0.2": "mistral-v1",
        "Mistral-v3-tools": "mistral-v3", "Phi-3-mini": "phi3-mini", "Phi-3.5-mini": "phi3-mini",
        "Qwen2-Instruct": "qwen2.5", "Qwen2.5-Instruct": "qwen2.5", "Qwen3": "qwen3", "Qwen3-original": "qwen3",
        "SmolLM2-Instruct": "smollm2",
    ]

    @Test(arguments: tokenizers.keys.sorted())
    func `a conversation of a real model has transformers' text and ids`(name: String) throws {
        let root = try #require(TestData.shared)
        let golden = try json(try String(contentsOfFile: "\(root)/golden_chat/\(name).json", encoding: .utf8))
        let tokenizer = try Tokenizer(directory: "\(root)/tokenizers/\(try #require(Self.tokenizers[name]))")
        let tokens = ["bos_token", "eos_token"].compactMap { key in golden[key]?.string.map { (key, $0) } }
        let chat = try ChatTemplate(
            source: try #require(golden["template"]?.string),
            specialTokens: Dictionary(uniqueKeysWithValues: tokens)
        )
        let noon = Date(timeIntervalSince1970: 1_736_942_400)
        for conversation in golden["cases"]?.array ?? [] {
            guard let expected = conversation["rendered"]?.string else { continue }
            var members = (conversation.members ?? []).filter {
                ["messages", "tools", "add_generation_prompt"].contains($0.key)
            }
            members += conversation["kwargs"]?.members ?? []
            let text = try chat.render(.object(members), now: noon)
            #expect(Array(text.utf8) == Array(expected.utf8), "\(conversation["name"]?.string ?? "")")
            guard let ids = conversation["ids"]?.array else { continue }
            #expect(
                try tokenizer.encode(text, addSpecialTokens: false) == ids.compactMap { $0.integer.map(UInt32.init) }
            )
        }
    }
}
