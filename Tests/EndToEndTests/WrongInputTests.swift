import Foundation
import Subprocess
import Testing

/// What a person can get wrong: each mistake ends with its code, its cause and its remedy, and without a crash.
@Suite(.serialized, .timeLimit(.minutes(1))) struct WrongInputTests {
    /// A command that cannot work.
    struct Mistake: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var arguments: [String] = []
        var exitCode: Int32 = 2
        /// What stderr must say: the cause, then the remedy.
        var says: [String]

        init(_ name: String, _ arguments: [String], exitCode: Int32 = 2, says: String...) {
            (self.testDescription, self.arguments, self.exitCode, self.says) = (name, arguments, exitCode, says)
        }
    }

    private static func check(_ outcome: Program.Outcome, exitCode: Int32, says: [String]) {
        #expect(outcome.exitCode == exitCode, "\(outcome.error)")
        #expect(outcome.output.isEmpty)
        for words in says {
            #expect(outcome.error.contains(words), "\(outcome.error)")
        }
    }

    private static let address = "/ip4/127.0.0.1/tcp/1"

    @Test(arguments: [
        Mistake("a range beyond the model", ["serve", "--blocks", "0..30"], says: "has 24 blocks", "within 0..24"),
        Mistake("a reversed range", ["serve", "--blocks", "5..3"], says: "5..3 is no range of blocks", "0..12"),
        Mistake("garbage for a range", ["serve", "--blocks", "some"], says: "is no range of blocks", "0..12"),
        Mistake(
            "caches beyond the memory of any machine",
            ["serve", "--blocks", "0..24", "--kv-memory", "1000TiB"],
            says: "1000TiB of KV-caches",
            "are free here",
            "--kv-memory",
            "--overcommit"
        ),
        Mistake("a format that is none", ["plan", "--quantize", "q9"], says: "'q8_0' and 'q4_0'"),
        Mistake(
            "a context beyond the model's",
            ["plan", "--context", "513"],
            exitCode: 1,
            says: "513 tokens",
            "has one of 512"
        ),
        Mistake("no range", ["serve"], says: "which blocks to serve", "--blocks 0..24"),
        Mistake(
            "too little memory for one session",
            ["serve", "--blocks", "0..12", "--kv-memory", "1KiB"],
            says: "786432 bytes",
            "--kv-memory"
        ),
        Mistake("a bad multiaddr", ["generate", "x", "--bootstrap", "10.0.0.2:4801"], says: "not an address", "/ip4/"),
        Mistake(
            "a bad listen address",
            ["serve", "--blocks", "0..12", "--listen", "everywhere"],
            says: "not an address",
            "/ip4/"
        ),
        Mistake("a bad peer id", ["generate", "x", "--allow", "me"], says: "not a peer id", "kwaai-swift id"),
        Mistake("half a peer id", ["ping", "12D3"], says: "not a peer id", "12D3KooW"),
        Mistake("no pings", ["ping", address, "--count", "0"], says: "--count 0", "at least 1"),
        Mistake(
            "a ping backwards in time",
            ["ping", address, "--interval", "-1"],
            says: "--interval -1.0",
            "0 to 86400"
        ),
        Mistake(
            "a ping of nobody",
            ["ping", address],
            exitCode: 1,
            says: "refuses connections",
            "is the peer running"
        ),
        Mistake(
            "a measurement of no time",
            ["bench", "net", address, "--seconds", "0"],
            says: "--seconds 0.0",
            "3600"
        ),
        Mistake("a measurement of no bytes", ["bench", "net", address, "--bytes", "0"], says: "--bytes 0", "100MiB"),
        Mistake(
            "a name that fills the screen",
            ["serve", "--blocks", "0..4", "--name", String(repeating: "n", count: 65)],
            says: "--name",
            "1 to 64 bytes"
        ),
        Mistake("a bad log level", ["dht", "peers", "--log-level", "loud"], says: "no log level", "debug"),
        Mistake("a peer to find that is none", ["dht", "find", "me"], says: "not a peer id", "kwaai-swift id"),
        Mistake("a key that is none", ["dht", "providers", "me"], says: "neither a CID", "1220"),
        Mistake(
            "a key and a model",
            [
                "dht", "providers", "1220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "--blocks",
                "0..8",
            ],
            says: "not both"
        ),
        Mistake("blocks beyond the model", ["dht", "providers", "--blocks", "0..30"], says: "within 0..24"),
        Mistake("a key without a name", ["dht", "get", "motd"], says: "is no key", "/v/PEER/NAME"),
        Mistake("no time at all", ["dht", "find", "x", "--timeout", "0"], says: "--timeout"),
        Mistake("a negative temperature", ["generate", "x", "--temperature", "-1"], says: "temperature", "at least 0"),
        Mistake("a top-p above 1", ["generate", "x", "--local", "--top-p", "2"], says: "top-p 2.0", "at most 1"),
        Mistake("a negative top-k", ["generate", "x", "--local", "--top-k", "-5"], says: "top-k -5", "at least 0"),
        Mistake("no tokens", ["generate", "x", "--local", "--max-tokens", "0"], says: "max-tokens 0", "at least 1"),
        Mistake("no threads", ["generate", "x", "--local", "--threads", "0"], says: "--threads", "1 to 256"),
        Mistake(
            "a prefill chunk that no server takes",
            ["generate", "x", "--local", "--prefill-chunk", "100000"],
            says: "prefill chunk",
            "1 to 256"
        ),
        Mistake("two prompts", ["generate", "x", "--prompt-ids", "1"], says: "not both"),
        Mistake("a flag that does not exist", ["generate", "x", "--quick"], says: "--quick", "--help"),
        Mistake(
            "logits into a folder that does not exist",
            ["generate", "x", "--local", "--dump-logits", "/nowhere/at/all.npy"],
            says: "/nowhere/at",
            "make it first"
        ),
        Mistake(
            "logits in place of a folder",
            ["generate", "x", "--local", "--dump-logits", "/"],
            says: "is a folder",
            "name a file"
        ),
        Mistake("a chain without ranges", ["generate", "x", "--chain", address], says: "ADDRESS@FIRST..END", "@0..12"),
        Mistake(
            "a chain with a gap",
            ["generate", "x", "--chain", "\(address)@0..12,\(address)@13..24"],
            exitCode: 1,
            says: "block 12 comes next",
            "must begin where"
        ),
        Mistake(
            "a chain that ends early",
            ["generate", "x", "--chain", "\(address)@0..12"],
            exitCode: 1,
            says: "ends at block 12 of 24",
            "add 12..24"
        ),
        Mistake(
            "a chain with nobody in it",
            ["generate", "x", "--chain", "\(address)@0..24"],
            exitCode: 1,
            says: "refuses connections",
            "is the peer running"
        ),
        Mistake(
            "a bootstrap peer that is not there",
            ["generate", "x", "--bootstrap", address],
            exitCode: 1,
            says: "no bootstrap peer answered",
            "check that one is running"
        ),
        Mistake(
            "a model that is not there",
            ["generate", "x", "--model", "/nowhere"],
            exitCode: 1,
            says: "holds no config.json",
            "give the folder"
        ),
        Mistake(
            "a prompt id beyond the vocabulary",
            ["generate", "--prompt-ids", "1,4096", "--local"],
            exitCode: 1,
            says: "token 4096",
            "vocabulary of 1024",
            "encode the prompt"
        ),
        Mistake(
            "a prompt longer than the context",
            ["generate", String(repeating: "Once upon a time ", count: 200), "--local"],
            exitCode: 1,
            says: "context of 512",
            "shorten it"
        ),
    ])
    func `a wrong argument is refused`(mistake: Mistake) async throws {
        let outcome = try await Program.run(mistake.arguments, home: Home())
        Self.check(outcome, exitCode: mistake.exitCode, says: mistake.says)
    }

    // MARK: Models

    /// A damage to a sound model.
    struct Damage: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var shards = 1
        var says: [String]
        var inflict: @Sendable (ModelFolder) throws -> Void

        init(
            _ name: String,
            shards: Int = 1,
            says: String...,
            inflict: @escaping @Sendable (ModelFolder) throws -> Void
        ) {
            (self.testDescription, self.shards, self.says, self.inflict) = (name, shards, says, inflict)
        }
    }

    static let damages = [
        Damage("no weights", says: "safetensors") { try $0.remove("model.safetensors") },
        Damage("a missing shard", shards: 2, says: "model-00002-of-00002.safetensors") {
            try $0.remove("model-00002-of-00002.safetensors")
        },
        Damage("truncated weights", says: "model.safetensors", "again") {
            try $0.truncate("model.safetensors", by: 1000)
        },
        Damage("a header that is not JSON", says: "model.safetensors", "header") {
            try $0.overwrite("model.safetensors", at: 8, with: [0, 0xFF, 0, 0xFF])
        },
        Damage("a header longer than the file", says: "model.safetensors", "header") {
            try $0.overwrite("model.safetensors", at: 0, with: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F])
        },
        Damage("a tokenizer of an unknown kind", says: "tokenizer", "Unigram") {
            try $0.replace("\"BPE\"", with: "\"Unigram\"", in: "tokenizer.json")
        },
        Damage("no tokenizer", says: "tokenizer.json") { try $0.remove("tokenizer.json") },
        Damage("an unsupported architecture", says: "MambaForCausalLM", "LlamaForCausalLM") {
            try $0.replace("LlamaForCausalLM", with: "MambaForCausalLM", in: "config.json")
        },
        Damage("a configuration that is not JSON", says: "config.json") {
            try $0.write("config.json", Data("not JSON".utf8))
        },
    ]

    @Test func `the model that is damaged below works`() async throws {
        let home = try Home()
        for shards in [1, 2] {
            let model = try ModelFolder(in: home, shards: shards)
            let outcome = try await Program.run(
                ["generate", "ab", "--local", "--model", model.path, "--max-tokens", "3", "--ignore-eos"],
                home: home
            )
            #expect(outcome.exitCode == 0, "\(outcome.error)")
            #expect(outcome.output.hasPrefix("ab"))
        }
    }

    @Test(arguments: damages) func `a damaged model is refused by generate`(damage: Damage) async throws {
        let home = try Home()
        let model = try ModelFolder(in: home, shards: damage.shards)
        try damage.inflict(model)
        let outcome = try await Program.run(["generate", "ab", "--local", "--model", model.path], home: home)
        Self.check(outcome, exitCode: 1, says: damage.says)
    }

    /// A server reads no text, so that any tokenizer will do.
    @Test(arguments: damages.filter { !$0.testDescription.contains("tokenizer") })
    func `a damaged model is refused by serve`(damage: Damage) async throws {
        let home = try Home()
        let model = try ModelFolder(in: home, shards: damage.shards)
        try damage.inflict(model)
        let outcome = try await Program.run(
            ["serve", "--model", model.path, "--blocks", "0..2", "--listen", "/ip4/127.0.0.1/tcp/0", "--json"],
            home: home
        )
        #expect(outcome.exitCode == 1, "\(outcome.error)")
        #expect(!outcome.output.contains("online"))
        for words in damage.says {
            #expect(outcome.error.contains(words), "\(outcome.error)")
        }
    }

    @Test func `an empty prompt needs a model that has a token to begin with`() async throws {
        let home = try Home()
        let model = try ModelFolder(in: home)
        let outcome = try await Program.run(["generate", "", "--local", "--model", model.path], home: home)
        Self.check(outcome, exitCode: 1, says: ["prompt is empty", "give some text"])
        let demo = try await Program.run(["generate", "", "--local", "--max-tokens", "3"], home: home)
        #expect(demo.exitCode == 0, "\(demo.error)")
    }

    // MARK: Files, settings and ports

    @Test func `an identity file that is damaged, open to others or in use is refused`() async throws {
        let home = try Home()
        let path = "\(home.path)/peer.key"
        let serve = ["serve", "--blocks", "0..1", "--listen", "/ip4/127.0.0.1/tcp/0", "--identity", path]
        try Data("not a key".utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        let damaged = try await Program.run(serve, home: home)
        Self.check(damaged, exitCode: 1, says: [path, "holds no usable key", "restore it"])
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "not a key")

        try FileManager.default.removeItem(atPath: path)
        #expect(try await Program.run(["id", "--identity", path], home: home).exitCode == 0)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let open = try await Program.run(serve, home: home)
        Self.check(open, exitCode: 1, says: ["others may read", "chmod 600 \(path)"])

        try await withPeers(["0..1"], home: home) { _ in
            let used = ["--identity", "\(home.path)/0-0..1.key"]
            let second = try await Program.run(serve.dropLast(2) + used, home: home)
            Self.check(second, exitCode: 1, says: ["another process uses the identity", "--identity FILE"])
        }
    }

    @Test func `a port in use is named together with the flag`() async throws {
        let home = try Home()
        try await withPeers(["0..1"], home: home) { peers in
            let port = try #require(peers[0].address.split(separator: "/").dropFirst(3).first)
            let outcome = try await Program.run(
                [
                    "serve", "--blocks", "1..2", "--listen", "/ip4/127.0.0.1/tcp/\(port)", "--identity",
                    home.path + "/2.key",
                ],
                home: home
            )
            Self.check(outcome, exitCode: 1, says: ["port \(port) is in use", "--listen"])
        }
    }

    @Test(arguments: [
        (#"{"max-token": 3}"#, #"the key "max-token""#, "known keys"),
        (#"{"max-tokens": "many"}"#, #"a number at "max-tokens""#, "config.json"),
        (#"{"max-tokens": true}"#, #"a number at "max-tokens""#, "config.json"),
        (#"{"max-tokens": 3.5}"#, #""max-tokens""#, "--help"),
        (#"{"bootstrap": "/ip4/127.0.0.1/tcp/1"}"#, "an array of strings", #""bootstrap""#),
        (#"{"no-mdns": "yes"}"#, "true or false", #""no-mdns""#),
        (#"{"allow": ["me"]}"#, #""allow""#, "not a peer id"),
        ("{", "is not a JSON object", "mend it"),
    ])
    func `a configuration file with a mistake is refused`(text: String, cause: String, remedy: String) async throws {
        let home = try Home()
        let folder = "\(home.path)/config/kwaai-swift"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/config.json"))
        let outcome = try await Program.run(["generate", "x"], home: home)
        Self.check(outcome, exitCode: 2, says: [cause, remedy])
    }

    @Test(arguments: [
        ("KWAAI_MAX_TOKENS", "many", "KWAAI_MAX_TOKENS", "--help"),
        ("KWAAI_NO_MDNS", "perhaps", "KWAAI_NO_MDNS", "true or false"),
        ("KWAAI_BOOTSTRAP", "here", "KWAAI_BOOTSTRAP", "/ip4/"),
        ("KWAAI_MAX_TOKEN", "3", "KWAAI_MAX_TOKEN means nothing", "KWAAI_MAX_TOKENS"),
    ])
    func `a variable with a mistake is refused`(name: String, value: String, cause: String, remedy: String) async throws
    {
        let outcome = try await Program.run(
            ["generate", "x"],
            home: Home(variables: [Environment.Key(stringLiteral: name): value])
        )
        Self.check(outcome, exitCode: 2, says: [cause, remedy])
    }

    @Test func `a network without any peer is an error that says how to start one`() async throws {
        let outcome = try await Program.run(["dht", "peers"], home: Home())
        // Somebody may serve on the standard port of the machine that runs this.
        guard outcome.exitCode != 0 else { return }
        Self.check(outcome, exitCode: 1, says: ["no peer of the network answers", "kwaai-swift serve", "--bootstrap"])
    }

    @Test func `a reader that has seen enough ends a command in silence`() async throws {
        let outcome = try await Program.shell(
            "\"$0\" generate 'Once upon a time' --local --max-tokens 400 --ignore-eos | head -c 1",
            home: Home()
        )
        #expect(outcome.output == "O")
        #expect(outcome.error == "")
    }
}
