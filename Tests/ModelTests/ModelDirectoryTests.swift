import Foundation
import StrictJSON
import Testing

@testable import Model

@Suite struct ModelDirectoryTests {
    private func open(_ folder: String) throws(ModelError) -> ModelDirectory {
        try ModelDirectory(path: folder, cache: .none)
    }

    @Test func `names what an empty folder lacks, one file after the other`() throws {
        try withTemporaryFolder { folder in
            #expect(modelError { _ = try self.open(folder) }?.message.contains("config.json") == true)
            try TinyModel().write(to: folder)
            let path = "\(folder)/tokenizer.json"
            try FileManager.default.moveItem(atPath: path, toPath: "\(path).away")
            let error = modelError { _ = try self.open(folder) }
            #expect(error?.code == .unreadableFile)
            #expect(error?.message.contains("tokenizer.json") == true)
            try FileManager.default.moveItem(atPath: "\(path).away", toPath: path)
            let directory = try self.open(folder + "/")
            #expect(directory.name == folder.split(separator: "/").last.map(String.init))
            #expect(directory.weightFormat == "f16")
        }
    }

    @Test func `names a truncated weight file`() throws {
        try withTemporaryFolder { folder in
            try TinyModel().write(to: folder)
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder)/model.safetensors"))
            try file.truncate(atOffset: 20_000)
            try file.close()
            let error = modelError { _ = try self.open(folder) }
            #expect(error?.code == .truncatedFile)
            #expect(error?.message.contains("model.safetensors is truncated: it has 20000 bytes") == true)
        }
    }

    @Test func `the same model has the same names in one file, in several, and embedded`() throws {
        try withTemporaryFolder { folder in
            let model = TinyModel()
            let embedded = try model.embedded()
            try model.write(to: folder, shards: 3)
            let sharded = try self.open(folder)
            #expect(sharded.modelKey == embedded.modelKey)
            #expect(try sharded.fingerprint() == embedded.fingerprint())
            let all = 0..<model.blocks
            let digests = try LoadedRange(embedded, range: all, threads: 1).blockDigests
            #expect(try LoadedRange(sharded, range: all, threads: 1).blockDigests == digests)
            #expect(try LoadedRange(sharded, range: 2..<4, threads: 1).blockDigests == Array(digests[2..<4]))
        }
    }

    @Test func `names are what other peers compute`() throws {
        let directory = try TinyModel().embedded()
        let digests = try LoadedRange(directory, range: 0..<6, threads: 1).blockDigests
        let mathematics = String(decoding: directory.configuration.mathematics.canonicalBytes, as: UTF8.self)
        #expect(
            mathematics == #"{"architecture":"LlamaForCausalLM","attention_output_bias":false,"blocks":6,"#
                + #""feed_forward_bias":false,"feed_forward_size":80,"head_dimension":16,"heads":3,"hidden_size":48,"#
                + #""key_value_heads":1,"norm_epsilon":1e-05,"query_key_value_bias":false,"rotary":{"base":10000.0},"#
                + #""tied_embeddings":true,"vocabulary_size":61}"#
        )
        #expect(directory.modelKey.hex == "a76d3c6cf17e78479c24e5f76817412a")
        let fingerprint = try directory.fingerprint()
        #expect(fingerprint.hex == "179a831e36dbce3fd0a7f979a17eb1f97a97b6cfb876f5f5d58188d476d2757e")
        #expect(digests.first?.hex == "9a4831ddf1613944cf2d0bbbe6c6b6cbf3a29faa47d91cc1b5e5cb8c9d9dc01f")
        #expect(digests.last?.hex == "639f0788189c0bf98dc81160bb04edeb7e0bb8cafd3552ee7a98193f82b8297b")
    }

    @Test func `names differ where the mathematics, the tokenizer or a weight differs`() throws {
        let model = TinyModel()
        let base = try model.embedded()
        for key in [["rope_theta": "20000.0"], ["rms_norm_eps": "1e-06"]] {
            #expect(try TinyModel(extraKeys: key).embedded().modelKey != base.modelKey)
        }
        #expect(try TinyModel(extraKeys: ["max_position_embeddings": "64"]).embedded().modelKey == base.modelKey)
        let other = try TinyModel(seed: 12).embedded()
        #expect(other.modelKey == base.modelKey)
        #expect(try other.fingerprint() != base.fingerprint())
        let tokenizer = try ModelDirectory.tokenizerDigest(Array(#"{"a": 1, "b": 2}"#.utf8), name: "t")
        #expect(try ModelDirectory.tokenizerDigest(Array(#"{"b":2,"a":1}"#.utf8), name: "t") == tokenizer)
        #expect(try ModelDirectory.tokenizerDigest(Array(#"{"b":1,"a":2}"#.utf8), name: "t") != tokenizer)
    }

    // MARK: A part of the files

    @Test func `a folder without weights has a name, and says what to download when blocks are to be loaded`() throws {
        try withTemporaryFolder { folder in
            let model = TinyModel()
            try model.write(to: folder)
            let manifest = try self.open(folder).manifest()
            let fingerprint = try self.open(folder).fingerprint()
            try FileManager.default.removeItem(atPath: "\(folder)/model.safetensors")
            let directory = try self.open(folder)
            #expect(try directory.modelKey == model.embedded().modelKey)
            #expect(directory.configuration.blockCount == model.blocks)
            let all = directory.configuration.tensors(of: 0..<model.blocks).map(\.name)
            #expect(try directory.missingTensors(for: 0..<model.blocks).map(\.name) == all)
            let load = modelError { _ = try LoadedRange(directory, range: 2..<3, threads: 1) }
            for error in [load, modelError { _ = try directory.fingerprint() }] {
                #expect(error?.code == .missingTensors)
                #expect(error?.message.contains("\(folder) holds no weights") == true)
                #expect(error?.message.contains("Download model.safetensors") == true)
            }
            try Data(manifest.utf8).write(to: URL(fileURLWithPath: "\(folder)/kwaai-manifest.json"))
            #expect(try directory.fingerprint() == fingerprint)
        }
    }

    @Test func `names a truncated shard, and all shards where all are missing`() throws {
        try withTemporaryFolder { folder in
            try TinyModel().write(to: folder, shards: 3)
            let shards = (1...3).map { "model-0000\($0)-of-00003.safetensors" }
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder)/\(shards[1])"))
            try file.truncate(atOffset: file.seekToEnd() - 1)
            try file.close()
            let truncated = modelError { _ = try self.open(folder) }
            #expect(truncated?.code == .truncatedFile)
            #expect(truncated?.message.contains(shards[1]) == true)

            for shard in shards { try FileManager.default.removeItem(atPath: "\(folder)/\(shard)") }
            let missing = modelError { _ = try LoadedRange(self.open(folder), range: 0..<6, threads: 1) }
            #expect(missing?.code == .missingTensors)
            for name in shards + [folder] { #expect(missing?.message.contains(name) == true) }
        }
    }

    @Test func `loads what the present files hold, and names the missing ones`() throws {
        try withTemporaryFolder { folder in
            let model = TinyModel()
            try model.write(to: folder, shards: 3)
            let fingerprint = try self.open(folder).fingerprint()
            let manifest = try self.open(folder).manifest()
            try FileManager.default.removeItem(atPath: "\(folder)/model-00003-of-00003.safetensors")
            let directory = try self.open(folder)
            #expect(try directory.missingTensors(for: 0..<2).isEmpty)
            let missing = try directory.missingTensors(for: 4..<6)
            #expect(
                missing.contains { $0.name == "model.norm.weight" && $0.file == "model-00003-of-00003.safetensors" }
            )
            #expect(try LoadedRange(directory, range: 0..<2, threads: 1).range == 0..<2)
            let error = modelError { _ = try LoadedRange(directory, range: 4..<6, threads: 1) }
            #expect(error?.code == .missingTensors)
            #expect(error?.message.contains("model-00003-of-00003.safetensors") == true)

            #expect(modelError { _ = try directory.fingerprint() }?.message.contains("kwaai-manifest.json") == true)
            let path = URL(fileURLWithPath: "\(folder)/kwaai-manifest.json")
            try Data(manifest.utf8).write(to: path)
            #expect(try directory.fingerprint() == fingerprint)
            try Data(manifest.replacingOccurrences(of: "model_key\":\"", with: "model_key\":\"0").utf8).write(to: path)
            #expect(modelError { _ = try directory.fingerprint() }?.message.contains("another model") == true)
            try Data("{}".utf8).write(to: path)
            #expect(modelError { _ = try directory.fingerprint() }?.code == .invalidFile)
        }
    }

    @Test(arguments: [
        ("[]", "weight_map"), ("{", "not JSON"), (#"{"weight_map": {"a": "../model.safetensors"}}"#, "no plain file"),
        (#"{"weight_map": {"a": "/etc/passwd"}}"#, "no plain file"), (#"{"weight_map": {"a": 1}}"#, "no plain file"),
        (#"{"weight_map": {"a": "weights.safetensors"}}"#, "lacks a"),
    ]) func `refuses an index that lies`(index: String, says: String) throws {
        try withTemporaryFolder { folder in
            try TinyModel().write(to: folder)
            try FileManager.default.moveItem(
                atPath: "\(folder)/model.safetensors",
                toPath: "\(folder)/weights.safetensors"
            )
            try Data(index.utf8).write(to: URL(fileURLWithPath: "\(folder)/model.safetensors.index.json"))
            let error = modelError { _ = try self.open(folder) }
            #expect(error?.code == .invalidFile)
            #expect(error?.message.contains(says) == true, "\(error?.message ?? "accepted")")
        }
    }

    @Test func `refuses tensors of another shape or type than the configuration needs`() throws {
        try withTemporaryFolder { folder in
            try TinyModel().write(to: folder)
            let config = URL(fileURLWithPath: "\(folder)/config.json")
            try Data(TinyModel(vocabulary: 62).configuration.utf8).write(to: config)
            let shape = modelError { _ = try LoadedRange(self.open(folder), range: 0..<1, threads: 1) }
            #expect(shape?.message.contains("model.embed_tokens.weight has the shape [61, 48]") == true)
            try TinyModel(type: .i16).write(to: folder)
            let type = modelError { _ = try LoadedRange(self.open(folder), range: 0..<1, threads: 1) }
            #expect(type?.code == .unsupportedSetting)
        }
    }

    @Test func `more tokens may end a text than config.json names`() throws {
        try withTemporaryFolder { folder in
            try TinyModel().write(to: folder)
            let path = URL(fileURLWithPath: "\(folder)/generation_config.json")
            try Data(#"{"eos_token_id": [3, 7]}"#.utf8).write(to: path)
            #expect(try self.open(folder).configuration.endOfSequenceTokens == [2, 3, 7])
        }
    }

    @Test func `memory is counted from the headers`() throws {
        let directory = try TinyModel().embedded()
        let block = 48 + 48 * 48 + 2 * 16 * 48 + 48 * 48 + 48 + 3 * 80 * 48
        #expect(try directory.weightBytes(of: 1..<3) == 2 * 2 * block)
        #expect(try directory.weightBytes(of: 0..<6) == 2 * (6 * block + 61 * 48 + 48))
    }
}
