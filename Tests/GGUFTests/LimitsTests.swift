import GGUFSamples
import Testing

@testable import GGUF

/// The bounds that no other suite reaches.
@Suite struct LimitsTests {
    @Test func `as many keys as the limit and no more`() {
        func error(keys: Int) -> GGUFError? {
            ggufError(GGUFSample((0..<keys).map { ("k\($0)", .bool(true)) }))
        }
        #expect(error(keys: Limits.metadataCount) == nil)
        #expect(error(keys: Limits.metadataCount + 1)?.code == .tooLarge)
    }

    @Test func `a key as long as the limit and no longer`() {
        func error(bytes: Int) -> GGUFError? {
            ggufError(GGUFSample([(String(repeating: "k", count: bytes), .bool(true))]))
        }
        #expect(error(bytes: Limits.keyBytes) == nil)
        #expect(error(bytes: Limits.keyBytes + 1)?.code == .tooLarge)
    }

    @Test func `an array as long as the limit and no longer`() {
        func error(count: Int) -> GGUFError? {
            var array: [UInt8] = []
            array.append(little: GGUFArray.ElementType.uint8.rawValue)
            array.append(little: UInt64(count))
            return ggufError(GGUFSample([("a", .raw(9, array + [UInt8](repeating: 0, count: count)))]))
        }
        #expect(error(count: Limits.arrayCount) == nil)
        #expect(error(count: Limits.arrayCount + 1)?.code == .tooLarge)
    }

    @Test func `as many tensors as the limit and no more`() {
        func error(tensors: Int) -> GGUFError? {
            var sample = GGUFSample()
            sample.alignment = 8
            sample.metadata = [("general.alignment", .uint32(8))]
            sample.tensors = (0..<tensors).map { .init("t\($0)", .f64, [1], [0, 0, 0, 0, 0, 0, 0, 0]) }
            return ggufError(sample)
        }
        #expect(error(tensors: Limits.tensorCount) == nil)
        #expect(error(tensors: Limits.tensorCount + 1)?.code == .tooLarge)
    }

    @Test func `a header longer than its limit is refused as such`() {
        var cursor = GGUFCursor(UnsafeRawBufferPointer(start: nil, count: 0), isWhole: false)
        #expect(throws: GGUFError.self) { try cursor.take(1) }
        do { _ = try cursor.take(1) } catch { #expect(error.code == .tooLarge) }
    }
}
