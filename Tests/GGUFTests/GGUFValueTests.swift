import GGUFSamples
import Testing

@testable import GGUF

@Suite struct GGUFValueTests {
    @Test func `reads a value of every type`() throws {
        try withGGUF(soundSample.bytes) { file in
            let metadata = file.metadata
            let integers = [
                "a.uint8": 200, "a.int8": -5, "a.uint16": 60_000, "a.int16": -300, "a.uint32": 4_000_000_000,
                "a.int32": -7, "a.int64": .min,
            ]
            for (key, value) in integers { #expect(metadata[key]?.integer == value, "\(key)") }
            #expect(metadata["a.uint64"] == .unsigned(.max))
            #expect(metadata["a.uint64"]?.integer == nil)
            #expect(metadata["a.uint64"]?.double == 0x1p64)
            #expect(metadata["a.float32"] == .float32(1e-5))
            #expect(metadata["a.float64"]?.double == 0.1)
            #expect(metadata["a.int8"]?.double == -5)
            #expect(metadata["a.bool"]?.bool == true)
            #expect(metadata["a.bool"]?.integer == nil)
        }
    }

    @Test func `keeps the bytes of a text that is not UTF-8`() throws {
        try withGGUF(soundSample.bytes) { file in
            #expect(file.metadata["a.bytes"]?.text?.bytes == [0xFF, 0x00])
            #expect(file.metadata["a.bytes"]?.string == nil)
            let tokens = file.metadata["a.tokens"]?.array?.texts
            #expect(tokens?.map(\.bytes) == [[0x61], [0xC3], []])
            #expect(tokens?.map(\.string) == ["a", nil, ""])
        }
    }

    @Test func `decodes an array as what it holds and as nothing else`() throws {
        try withGGUF(soundSample.bytes) { file in
            let arrays = file.metadata.compactMapValues(\.array)
            #expect(arrays["a.scores"]?.floats == [0, -1.5])
            #expect(arrays["a.types"]?.integers == [1, -1])
            #expect(arrays["a.flags"]?.bools == [false, true])
            #expect(arrays["a.none"]?.texts == [])
            #expect(arrays["a.scores"]?.integers == nil)
            #expect(arrays["a.types"]?.texts == nil)
            #expect(arrays["a.tokens"]?.floats == nil)
        }
    }

    @Test(arguments: [
        GGUFSample.Value.raw(13, []), .raw(.max, [0]), .raw(7, [2]), .raw(9, [99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        .raw(9, [7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7]),
        // An array of arrays.
        .raw(9, [9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ]) func `refuses what is no value`(value: GGUFSample.Value) {
        // The padding behind keeps it from being a truncated file.
        #expect(ggufError(GGUFSample([("a", value), ("b", .text("padding padding padding"))]))?.code == .invalid)
    }

    @Test(arguments: [UInt64(100), 1 << 40, .max >> 1, .max]) func `refuses lengths beyond the file`(length: UInt64) {
        var claim: [UInt8] = []
        claim.append(little: length)
        let refused: [GGUFError.Code?] = [.truncated, .tooLarge]
        #expect(refused.contains(ggufError(GGUFSample([("a", .raw(8, claim))]))?.code))
        for type: UInt32 in [0, 4, 8, 12] {
            var array: [UInt8] = []
            array.append(little: type)
            #expect(refused.contains(ggufError(GGUFSample([("a", .raw(9, array + claim))]))?.code))
            // A count that is true, of texts of which one lies.
            array.append(little: UInt64(1))
            if type == 8 { #expect(refused.contains(ggufError(GGUFSample([("a", .raw(9, array + claim))]))?.code)) }
        }
    }
}
