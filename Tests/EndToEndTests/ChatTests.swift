import Foundation
import Subprocess
import Testing

/// Conversations with the demo model, which gets a template for it.
struct ChatTests {
    private struct Report: Decodable, Equatable {
        var prompt_token_ids: [UInt32]
        var token_ids: [UInt32]
        var text: String
        var finish_reason: String
        var cached_tokens: Int
    }

    private static let template = """
        {{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content | trim }}
        {% endfor %}{% if add_generation_prompt %}assistant:{% endif %}
        """

    /// The demo model as a folder, with a template beside it.
    private func model(in home: Home, template: String? = Self.template) throws -> String {
        let folder = "\(home.path)/model-\(UUID().uuidString)"
        let demo = URL(fileURLWithPath: #filePath).appending(path: "../../../Sources/CDemoModel/model").standardized
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for file in try FileManager.default.contentsOfDirectory(atPath: demo) {
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/\(file)",
                withDestinationPath: "\(demo)/\(file)"
            )
        }
        let tokens = Data(#"{"bos_token": "<|bos|>", "eos_token": "<|eos|>"}"#.utf8)
        try tokens.write(to: URL(fileURLWithPath: "\(folder)/tokenizer_config.json"))
        try template.map { try Data($0.utf8).write(to: URL(fileURLWithPath: "\(folder)/chat_template.jinja")) }
        return folder
    }

    private func reports(_ outcome: Program.Outcome) throws -> [Report] {
        try outcome.output.split(separator: "\n").map { try JSONDecoder().decode(Report.self, from: Data($0.utf8)) }
    }

    // MARK: template

    @Test func `template writes each line's conversation as the model's template has it`() async throws {
        let home = try Home()
        let lines = [
            #"{"messages": [{"role": "user", "content": "Hé \"you\"\n"}], "add_generation_prompt": true}"#,
            #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#,
        ]
        let outcome = try await Program.run(
            ["template", "--model", try self.model(in: home)],
            home: home,
            input: lines.joined(separator: "\n")
        )
        #expect(outcome.exitCode == 0, "\(outcome.error)")
        let texts = try outcome.output.split(separator: "\n").map { line in
            try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
        }
        #expect(texts == [["text": "<|bos|>user: Hé \"you\"\nassistant:"], ["text": "<|bos|>user: a\nassistant: b\n"]])
    }

    @Test func `a template that refuses a conversation is quoted, with the line of the input`() async throws {
        let home = try Home()
        let model = try self.model(in: home, template: "{{ raise_exception('Roles must alternate') }}")
        let outcome = try await Program.run(
            ["template", "--model", model],
            home: home,
            input: #"{"messages": [{"role": "user", "content": "a"}]}"#
        )
        #expect(outcome.exitCode == 1)
        #expect(outcome.error.contains("line 1 of the input is refused: Roles must alternate"))
    }

    @Test(arguments: [["template"], ["chat", "--local"], ["generate", "Hello", "--chat", "--local"]])
    func `a model without a template is refused with the remedy`(command: [String]) async throws {
        let home = try Home()
        for flags in [[], ["--model", try self.model(in: home, template: nil)]] {
            let outcome = try await Program.run(command + flags, home: home, input: "")
            #expect(outcome.exitCode == 1)
            #expect(outcome.error.contains("write a chat_template.jinja into its folder"), "\(outcome.error)")
        }
    }

    // MARK: generate --chat

    @Test func `generate --system asks by the template and prints the answer only`() async throws {
        let home = try Home()
        let model = ["--model", try self.model(in: home)]
        let sampling = ["--local", "--seed", "3", "--max-tokens", "20"]
        let chat = try await Program.run(
            ["generate", "Tell me of a fox.", "--system", "Be kind.", "--json"] + model + sampling,
            home: home
        )
        let text = "system: Be kind.\nuser: Tell me of a fox.\nassistant:"
        let plain = try await Program.run(["generate", text, "--json"] + model + sampling, home: home)
        #expect(try self.reports(chat) == self.reports(plain))
        let shown = try await Program.run(
            ["generate", "Tell me of a fox.", "--system", "Be kind."] + model + sampling,
            home: home
        )
        #expect(shown.output == (try self.reports(chat))[0].text + "\n")
    }

    // MARK: chat

    @Test func `a conversation over peers gives each turn what a fresh generation gives, and keeps what was read`()
        async throws
    {
        let home = try Home()
        let model = ["--model", try self.model(in: home)]
        let sampling = ["--temperature", "0.9", "--seed", "5", "--max-tokens", "12"]
        let input = "Once upon a time\n/nothing\nThe fox was\n/system Be brief.\nA bird\n/quit\nnever read\n"
        let local = try await Program.run(
            ["chat", "--local", "--json"] + model + sampling,
            home: home,
            input: input
        )
        #expect(local.exitCode == 0, "\(local.error)")
        #expect(local.error.contains("/nothing means nothing here"))
        let turns = try self.reports(local)
        #expect(turns.count == 3)
        #expect(turns[0].cached_tokens == 0)
        #expect(turns[1].cached_tokens >= turns[0].prompt_token_ids.count - 2)
        for turn in turns {
            let ids = turn.prompt_token_ids.map(String.init).joined(separator: ",")
            let fresh = try await Program.run(
                ["generate", "--prompt-ids", ids, "--local", "--json"] + model + sampling,
                home: home
            )
            #expect(try self.reports(fresh)[0].token_ids == turn.token_ids)
        }
        try await withPeers(["0..9", "9..24"], home: home, flags: model) { peers in
            let free = try await freeMemory(peers, home: home)
            let remote = try await Program.run(
                ["chat", "--json", "--bootstrap", peers[0].address] + model + sampling,
                home: home,
                input: input
            )
            #expect(remote.exitCode == 0, "\(remote.error)")
            #expect(try self.reports(remote) == turns)
            #expect(try await freeMemory(peers, home: home) == free)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `Ctrl-C stops the answer, not the conversation`() async throws {
        let home = try Home()
        let model = ["--model", try self.model(in: home)]
        let arguments = ["chat", "--max-tokens", "400", "--temperature", "0"] + model
        try await withPeers(["0..12", "12..24"], home: home, flags: model) { peers in
            let free = try await freeMemory(peers, home: home)
            let outcome = try await Program.run(
                arguments + ["--bootstrap", peers[0].address, "--stats"],
                home: home,
                input: "Once upon a time\nThe end\n"
            ) { chat in
                kill(chat.value, SIGINT)
            }
            #expect(outcome.exitCode == 0, "\(outcome.error)")
            let statistics = outcome.error.split(separator: "\n").filter { $0.contains("prompt tokens") }
            #expect(statistics.count == 2)
            #expect(statistics.last?.contains("of them kept") == true)
            #expect(try await freeMemory(peers, home: home) == free)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `SIGTERM ends the conversation with its sessions closed`() async throws {
        let home = try Home()
        let model = ["--model", try self.model(in: home)]
        try await withPeers(["0..12", "12..24"], home: home, flags: model) { peers in
            let free = try await freeMemory(peers, home: home)
            let outcome = try await Program.run(
                ["chat", "--max-tokens", "400", "--bootstrap", peers[0].address] + model,
                home: home,
                input: "Once upon a time\n"
            ) { chat in
                kill(chat.value, SIGTERM)
            }
            #expect(outcome.exitCode == 130, "\(outcome.error)")
            #expect(try await freeMemory(peers, home: home) == free)
        }
    }
}
