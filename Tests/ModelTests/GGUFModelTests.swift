import Foundation
import GGUF
import GGUFSamples
import StrictJSON
import Testing

@testable import Model

@Suite struct GGUFModelTests {
    private func logits(_ directory: ModelDirectory) throws -> (logits: [UInt16], digests: [[UInt8]]) {
        let all = 0..<directory.configuration.blockCount
        let model = try LoadedRange(directory, range: all, threads: 1)
        let tokens: [UInt32] = [1, 7, 60, 33, 2, 19, 19, 4]
        let logits = try model.forward(
            .tokens(tokens),
            blocks: all,
            at: 0,
            cache: model.makeCache(),
            output: .logits(.every)
        )
        return (logits, model.blockDigests)
    }

    @Test(arguments: TinyGGUF.all.indices)
    func `a GGUF file computes what the safetensors of the same model compute, to the bit`(index: Int) throws {
        let tiny = TinyGGUF.all[index]
        let (safetensors, gguf) = (try tiny.model.embedded(), try tiny.directory())
        let mathematics = safetensors.configuration.mathematics.canonicalBytes
        #expect(gguf.configuration.mathematics.canonicalBytes == mathematics)
        #expect(gguf.configuration.endOfSequenceTokens == [2, 3])
        #expect(gguf.configuration.beginOfSequenceToken == 1)
        #expect(gguf.weightFormat == safetensors.weightFormat)
        let (expected, given) = (try self.logits(safetensors), try self.logits(gguf))
        #expect(given.logits == expected.logits, "\(tiny.name)")
        // Gemma's norms are stored as other numbers; all else is hashed as Hugging Face has it.
        #expect((given.digests == expected.digests) == (tiny.name != "gemma2"), "\(tiny.name)")
    }

    // MARK: Files

    @Test func `opens a file, a folder with one file, and a model in several files`() throws {
        try withTemporaryFolder { folder in
            let whole = try TinyGGUF.llama.sample()
            let path = "\(folder)/tiny.gguf"
            try Data(whole.bytes).write(to: URL(fileURLWithPath: path))
            let directory = try ModelDirectory(path: path, cache: .none)
            #expect(directory.name == "tiny")
            let expected = try self.logits(directory)
            #expect(try self.logits(ModelDirectory(path: "\(folder)/", cache: .none)) == expected)

            try Self.split(whole, in: folder)
            #expect(
                modelError { _ = try ModelDirectory(path: folder, cache: .none) }?.message.contains("several") == true
            )
            try FileManager.default.removeItem(atPath: path)
            for name in ["", "/tiny-00001-of-00002.gguf", "/tiny-00002-of-00002.gguf"] {
                let split = try ModelDirectory(path: folder + name, cache: .none)
                #expect(split.name == "tiny")
                #expect(try self.logits(split) == expected)
                #expect(try split.fingerprint() == directory.fingerprint())
            }
        }
    }

    @Test func `loads what the present files of several hold, and names the missing one`() throws {
        try withTemporaryFolder { folder in
            var tiny = TinyGGUF.llama
            tiny.model.isTied = false
            try Self.split(tiny.sample(), in: folder, headFirst: true)
            let second = "tiny-00002-of-00002.gguf"
            try FileManager.default.moveItem(atPath: "\(folder)/\(second)", toPath: "\(folder)/away")
            let directory = try ModelDirectory(path: folder, cache: .none)
            #expect(try LoadedRange(directory, range: 0..<2, threads: 1).range == 0..<2)
            let error = modelError { _ = try LoadedRange(directory, range: 4..<6, threads: 1) }
            #expect(error?.code == .missingTensors)
            #expect(error?.message.contains(second) == true)
            #expect(modelError { _ = try directory.fingerprint() }?.message.contains(second) == true)
            try FileManager.default.removeItem(atPath: "\(folder)/tiny-00001-of-00002.gguf")
            try FileManager.default.moveItem(atPath: "\(folder)/away", toPath: "\(folder)/\(second)")
            #expect(modelError { _ = try ModelDirectory(path: folder, cache: .none) }?.code == .unreadableFile)
        }
    }

    /// Writes a model into two files as llama-gguf-split does.
    private static func split(_ whole: GGUFSample, in folder: String, headFirst: Bool = false) throws {
        var parts = [whole, GGUFSample()]
        parts[0].tensors = Array(whole.tensors.prefix(30)) + whole.tensors.suffix(headFirst ? 1 : 0)
        parts[1].tensors = Array(whole.tensors.dropFirst(30).dropLast(headFirst ? 1 : 0))
        for (index, part) in parts.enumerated() {
            var part = part
            part.metadata += [("split.no", .uint16(UInt16(index))), ("split.count", .uint16(2))]
            let path = "\(folder)/tiny-0000\(index + 1)-of-00002.gguf"
            try Data(part.bytes).write(to: URL(fileURLWithPath: path))
        }
    }

    // MARK: Refusals

    private func error(_ change: (inout GGUFSample) -> Void) -> ModelError? {
        modelError {
            let directory = try TinyGGUF.llama.directory(change)
            _ = try LoadedRange(directory, range: 0..<6, threads: 1)
        }
    }

    @Test func `says what an unknown architecture, key or tensor is called`() throws {
        let architecture = self.error { $0.metadata[0].value = .text("mamba") }
        #expect(architecture?.code == .unsupportedArchitecture)
        #expect(
            architecture?.message.contains("mamba is not supported; of GGUF files this version computes gemma,") == true
        )
        let key = self.error { $0.metadata.append(("llama.attention.alibi", .float32(8))) }
        #expect(key?.code == .unsupportedSetting)
        #expect(key?.message.contains("llama.attention.alibi") == true)
        for name in [
            "blk.0.attn_q_norm.weight", "blk.6.attn_q.weight", "blk.00.attn_q.weight", "enc.weight", "a.b.c.d",
        ] {
            let tensor = self.error { $0.tensors.append(.init(name, .f32, [1], [0, 0, 0, 0])) }
            #expect(tensor?.code == .unsupportedSetting)
            #expect(tensor?.message.contains("the tensor \(name),") == true)
        }
        #expect(self.error { $0.metadata.append(("general.anything", .bool(true))) } == nil)
    }

    @Test(arguments: [
        "llama.block_count", "llama.context_length", "llama.embedding_length", "llama.feed_forward_length",
        "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon",
    ]) func `names a key that is missing or makes no sense`(key: String) {
        let missing = self.error { $0.metadata.removeAll { $0.key == key } }
        #expect(missing?.code == .invalidConfiguration)
        #expect(missing?.message.contains(key) == true)
        for value in [GGUFSample.Value.text("4"), .int32(-1), .bool(true), .integers([4, 5]), .float32(.nan)] {
            let error = self.error { sample in
                for index in sample.metadata.indices where sample.metadata[index].key == key {
                    sample.metadata[index].value = value
                }
            }
            #expect(error?.code == .invalidConfiguration)
        }
    }

    @Test func `refuses a format that no kernel multiplies, and says which are`() throws {
        func store(_ type: GGMLType, _ bytes: Int) -> (inout GGUFSample) -> Void {
            { sample in
                for index in sample.tensors.indices where sample.tensors[index].name.contains("attn_output.weight") {
                    sample.tensors[index].type = type.rawValue
                    sample.tensors[index].bytes = [UInt8](repeating: 0, count: bytes)
                }
            }
        }
        var tiny = TinyGGUF.llama
        tiny.model.heads = 4
        tiny.model.hidden = 64
        let directory = try tiny.directory(store(.q4_1, 64 * 2 * 20))
        let error = modelError { _ = try LoadedRange(directory, range: 0..<1, threads: 1) }
        #expect(error?.code == .unsupportedSetting)
        #expect(error?.message.contains("stored as Q4_1; this version multiplies with F32, F16, BF16, Q8_0") == true)
        #expect(error?.message.contains("--quantize q8_0") == true)
        let quantised = try LoadedRange(directory, range: 0..<1, threads: 1, quantize: .q8_0)
        #expect(quantised.blockDigests.count == 1)
        #expect(modelError { _ = try tiny.directory(store(.q8_1, 64 * 2 * 36)) }?.message.contains("Q8_1") == true)
    }

    // MARK: Names

    @Test func `the model key covers the vocabulary and no chat template`() throws {
        let key = try TinyGGUF.llama.directory().modelKey
        func changed(_ change: (inout GGUFSample) -> Void) throws -> [UInt8] {
            try TinyGGUF.llama.directory(change).modelKey
        }
        #expect(try changed { $0.metadata.append(("tokenizer.chat_template", .text("{{ x }}"))) } == key)
        #expect(try changed { $0.metadata.append(("general.name", .text("other"))) } == key)
        #expect(try changed { $0.metadata.reverse() } == key)
        #expect(try changed { $0.metadata.append(("tokenizer.ggml.add_bos_token", .bool(true))) } != key)
        #expect(
            try changed { sample in
                for index in sample.metadata.indices where sample.metadata[index].key == "tokenizer.ggml.bos_token_id" {
                    sample.metadata[index].value = .int32(1)
                }
            } == key
        )
    }

    // MARK: Files that change

    @Test func `a step fails once the file was changed under it`() throws {
        try withTemporaryFolder { folder in
            try TinyModel().write(to: folder)
            let path = "\(folder)/model.safetensors"
            let range = try LoadedRange(ModelDirectory(path: folder, cache: .none), range: 0..<6, threads: 1)
            func step() throws {
                _ = try range.forward(.tokens([1]), blocks: 0..<6, at: 0, cache: range.makeCache(), output: .hidden)
            }
            try step()
            try FileManager.default.moveItem(atPath: path, toPath: "\(path).old")
            try step()
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(path).old"))
            try file.truncate(atOffset: 4096)
            try file.close()
            let error = modelError(step)
            #expect(error?.code == .unreadableFile)
            #expect(error?.message.contains("model.safetensors was changed") == true)
        }
    }
}
