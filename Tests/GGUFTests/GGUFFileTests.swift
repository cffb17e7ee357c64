import GGUFSamples
import Testing

@testable import GGUF

@Suite struct GGUFFileTests {
    @Test(arguments: [UInt32(2), 3]) func `reads metadata and tensors of both versions`(version: UInt32) throws {
        var sample = soundSample
        sample.version = version
        let bytes = sample.bytes
        try withGGUF(bytes) { file in
            #expect(file.version == version)
            #expect(file.alignment == 32)
            #expect(file.metadata.count == sample.metadata.count)
            #expect(file.metadata["general.architecture"]?.string == "llama")
            #expect(file.tensors.map(\.name) == ["token_embd.weight", "output.weight", "output_norm.weight"])
            #expect(file.tensors.map(\.type) == [.f32, .q8_0, .f32])
            #expect(file.tensors.map(\.shape) == [[2, 3], [1, 64], [3]])
            for (tensor, written) in zip(file.tensors, sample.tensors) {
                #expect(Array(bytes[tensor.bytes]) == written.bytes)
                #expect(tensor.bytes.lowerBound.isMultiple(of: 32))
            }
        }
    }

    @Test func `places tensors at multiples of the file's own alignment`() throws {
        var sample = soundSample
        sample.metadata.append(("general.alignment", .uint32(128)))
        sample.alignment = 128
        try withGGUF(sample.bytes) { file in
            #expect(file.alignment == 128)
            #expect(file.tensors.allSatisfy { $0.bytes.lowerBound.isMultiple(of: 128) })
        }
        sample.alignment = 64
        #expect(ggufError(sample)?.code == .invalid)
    }

    @Test(arguments: [GGUFSample.Value.uint32(0), .uint32(4), .uint32(48), .uint32(1 << 17), .text("32"), .int32(-32)])
    func `refuses an alignment that is none`(value: GGUFSample.Value) {
        let error = ggufError(GGUFSample([("general.alignment", value)]))
        #expect(error?.code == .invalid)
        #expect(error?.reason.contains("alignment") == true)
    }

    @Test func `a vocabulary without tensors is a sound file`() throws {
        try withGGUF(GGUFSample([("general.architecture", .text("llama"))]).bytes) { file in
            #expect(file.tensors.isEmpty)
        }
    }

    // MARK: What is no GGUF file

    @Test func `says what a file is that is not read`() {
        var sample = soundSample
        for version in [UInt32(2).byteSwapped, UInt32(3).byteSwapped] {
            sample.version = version
            #expect(ggufError(sample)?.code == .bigEndian)
        }
        for version: UInt32 in [0, 1, 4, .max] {
            sample.version = version
            #expect(ggufError(sample)?.code == .unsupportedVersion)
            #expect(ggufError(sample)?.description.contains("version \(version)") == true)
        }
        sample.magic = "GGML"
        #expect(ggufError(sample)?.code == .notGGUF)
        #expect(ggufError([])?.code == .notGGUF)
        #expect(ggufError(Array("GGUF\u{3}".utf8))?.code == .notGGUF)
    }

    @Test func `every truncation is an error`() {
        let bytes = soundSample.bytes
        for count in 0..<bytes.count {
            let code = ggufError(Array(bytes.prefix(count)))?.code
            #expect(code == (count < 8 ? .notGGUF : .truncated), "cut to \(count) bytes")
        }
        #expect(ggufError(bytes) == nil)
    }

    // MARK: Counts and names

    @Test func `a count beyond the file is refused before anything is allocated`() {
        var tensors = soundSample
        tensors.claimedTensors = UInt64(Limits.tensorCount)
        #expect(ggufError(tensors)?.code == .truncated)
        var keys = soundSample
        keys.claimedKeys = UInt64(Limits.metadataCount)
        #expect(ggufError(keys)?.code == .truncated)
        for huge: UInt64 in [1 << 32, 1 << 63, .max] {
            tensors.claimedTensors = huge
            keys.claimedKeys = huge
            #expect(ggufError(tensors)?.code == .tooLarge)
            #expect(ggufError(keys)?.code == .tooLarge)
        }
    }

    @Test func `refuses a key or a tensor that occurs twice`() {
        let keys = ggufError(GGUFSample([("a", .bool(true)), ("b", .bool(true)), ("a", .bool(true))]))
        #expect(keys?.reason == "has the key a twice")
        var sample = soundSample
        sample.tensors[2].name = sample.tensors[0].name
        #expect(ggufError(sample)?.reason == "has the tensor token_embd.weight twice")
    }

    @Test(arguments: ["", "a b", "a\n", "é", "\u{7F}"])
    func `refuses names that are not printable ASCII`(name: String) {
        #expect(ggufError(GGUFSample([(name, .bool(true))]))?.code == .invalid)
        #expect(ggufError(GGUFSample(tensors: [.init(name, .f32, [1], [0, 0, 0, 0])]))?.code == .invalid)
    }

    // MARK: Places

    @Test(arguments: [
        (1, UInt64(0), "overlap"), (1, 4, "overlap"), (1, 33, "elsewhere"), (1, 96, "elsewhere"), (0, 32, "elsewhere"),
        (2, UInt64(Int.max), "larger than any memory"), (2, .max, "larger than any memory"),
    ]) func `refuses tensors that overlap, leave gaps or lie beyond memory`(tensor: Int, offset: UInt64, says: String) {
        var sample = soundSample
        sample.tensors[tensor].offset = offset
        let error = ggufError(sample)
        #expect(error?.code == .invalid)
        #expect(error?.reason.contains(says) == true, "\(error?.reason ?? "accepted")")
    }

    @Test func `says how many bytes a file lacks`() {
        let bytes = soundSample.bytes
        let error = ggufError(bytes.dropLast())
        #expect(error?.reason == "has \(bytes.count - 1) bytes, and output_norm.weight ends at \(bytes.count)")
        #expect(error?.description.hasSuffix("download it again") == true)
    }
}

private func ggufError(_ bytes: ArraySlice<UInt8>) -> GGUFError? { ggufError(Array(bytes)) }
