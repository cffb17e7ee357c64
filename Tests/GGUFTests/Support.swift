import GGUFSamples

@testable import GGUF

/// Reads a file that lives as long as `body`.
func withGGUF<R>(_ bytes: [UInt8], _ body: (GGUFFile) throws -> R) throws -> R {
    try bytes.withUnsafeBytes { try body(GGUFFile($0)) }
}

/// The error that reading the sample ends in, or nil.
func ggufError(_ bytes: [UInt8]) -> GGUFError? {
    do {
        try bytes.withUnsafeBytes { _ = try GGUFFile($0) }
        return nil
    } catch {
        return error as? GGUFError
    }
}

func ggufError(_ sample: GGUFSample) -> GGUFError? { ggufError(sample.bytes) }

/// Two tensors of f32 and one of Q8_0, with metadata of every type.
let soundSample = GGUFSample(
    [
        ("general.architecture", .text("llama")), ("a.uint8", .uint8(200)), ("a.int8", .int8(-5)),
        ("a.uint16", .uint16(60_000)), ("a.int16", .int16(-300)), ("a.uint32", .uint32(4_000_000_000)),
        ("a.int32", .int32(-7)), ("a.uint64", .uint64(.max)), ("a.int64", .int64(.min)), ("a.float32", .float32(1e-5)),
        ("a.float64", .float64(0.1)), ("a.bool", .bool(true)), ("a.bytes", .text([0xFF, 0x00])),
        ("a.tokens", .array(.string, [.text("a"), .text([0xC3]), .text("")])), ("a.scores", .floats([0, -1.5])),
        ("a.types", .integers([1, -1])), ("a.flags", .array(.bool, [.bool(false), .bool(true)])),
        ("a.none", .array(.string, [])),
    ],
    tensors: [
        .init("token_embd.weight", .f32, [3, 2], Array(0..<24)),
        .init("output.weight", .q8_0, [64, 1], Array(0..<68)),
        .init("output_norm.weight", .f32, [3], Array(0..<12)),
    ]
)
