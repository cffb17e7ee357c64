import Testing

@testable import Model

@Suite struct SafetensorsHeaderTests {
    private func header(_ bytes: [UInt8]) throws(ModelError) -> SafetensorsHeader {
        // A copy of exactly its size, so that a read beyond it is seen by a sanitiser.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        return try SafetensorsHeader(UnsafeRawBufferPointer(copy), name: "m.safetensors")
    }

    private static let sound = SafetensorsFile(tensors: [
        .init("a", .f16, [2, 3], [UInt8](repeating: 1, count: 12)),
        .init("b", .f32, [2], [UInt8](repeating: 2, count: 8)),
        .init("empty", .f32, [0, 5], []),
    ])

    @Test func `reads types, shapes and places`() throws {
        let header = try self.header(Self.sound.bytes)
        let start = Self.sound.bytes.count - 20
        #expect(header.tensors["a"] == TensorEntry(type: .f16, shape: [2, 3], bytes: start..<start + 12))
        #expect(header.tensors["b"] == TensorEntry(type: .f32, shape: [2], bytes: start + 12..<start + 20))
        #expect(header.tensors["empty"]?.bytes.isEmpty == true)
        let other = SafetensorsFile.bytes(header: #"{"__metadata__":{"format":"pt"}}"#, data: [])
        #expect(try self.header(other).tensors.isEmpty)
    }

    /// Headers over twelve bytes of data, and what the error must say.
    static let hostile: [(header: String, says: String)] = [
        ("", "not JSON"), ("[]", "not a JSON object"), ("{", "not JSON"), (#"{"a":1}"#, "unknown type"),
        (#"{"a":{"dtype":"F17","shape":[6],"data_offsets":[0,12]}}"#, "unknown type"),
        (#"{"a":{"shape":[6],"data_offsets":[0,12]}}"#, "unknown type"),
        (#"{"a":{"dtype":"F16","data_offsets":[0,12]}}"#, "no shape"),
        (#"{"a":{"dtype":"F16","shape":6,"data_offsets":[0,12]}}"#, "no shape"),
        (#"{"a":{"dtype":"F16","shape":[1,1,1,1,1,1,1,1,6],"data_offsets":[0,12]}}"#, "no shape"),
        (#"{"a":{"dtype":"F16","shape":[-6],"data_offsets":[0,12]}}"#, "no valid shape"),
        (#"{"a":{"dtype":"F16","shape":[6.0],"data_offsets":[0,12]}}"#, "no valid shape"),
        (#"{"a":{"dtype":"F16","shape":[99999999999999999999],"data_offsets":[0,12]}}"#, "too big integer"),
        (#"{"a":{"dtype":"F16","shape":[4611686018427387904,4],"data_offsets":[0,12]}}"#, "larger than any memory"),
        (#"{"a":{"dtype":"F16","shape":[4294967296,4294967296],"data_offsets":[0,12]}}"#, "larger than any memory"),
        (#"{"a":{"dtype":"F16","shape":[6]}}"#, "no valid offsets"),
        (#"{"a":{"dtype":"F16","shape":[6],"data_offsets":[12]}}"#, "no valid offsets"),
        (#"{"a":{"dtype":"F16","shape":[6],"data_offsets":[0,6,12]}}"#, "no valid offsets"),
        (#"{"a":{"dtype":"F16","shape":[6],"data_offsets":[12,0]}}"#, "no valid offsets"),
        (#"{"a":{"dtype":"F16","shape":[6],"data_offsets":[-12,0]}}"#, "no valid offsets"),
        (
            #"{"a":{"dtype":"F16","shape":[6],"data_offsets":[9223372036854775795,9223372036854775807]}}"#,
            "no valid offsets"
        ),
        (#"{"a":{"dtype":"F16","shape":[5],"data_offsets":[0,12]}}"#, "where its shape needs 10"),
        (#"{"a":{"dtype":"F16","shape":[7],"data_offsets":[0,14]}}"#, "truncated"),
        (#"{"a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}"#, "4 bytes follow"),
        (#"{"a":{"dtype":"F16","shape":[4],"data_offsets":[4,12]}}"#, "gap"),
        (
            #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}}"#,
            "overlap"
        ),
        (
            #"{"a":{"dtype":"U8","shape":[12],"data_offsets":[0,12]},"b":{"dtype":"U8","shape":[12],"data_offsets":[0,12]}}"#,
            "overlap"
        ),
        (
            #"{"a":{"dtype":"U8","shape":[12],"data_offsets":[0,12]},"a":{"dtype":"U8","shape":[0],"data_offsets":[12,12]}}"#,
            "duplicate"
        ),
        (#"{"a":{"dtype":"U8","shape":[12],"data_offsets":[0,12]}} x"#, "not JSON"),
        (String(repeating: "[", count: 100_000), "nested deeper"),
    ]

    @Test(arguments: hostile.indices) func `refuses a hostile header`(index: Int) {
        let (header, says) = Self.hostile[index]
        let bytes = SafetensorsFile.bytes(header: header, data: [UInt8](repeating: 0, count: 12))
        let error = modelError { _ = try self.header(bytes) }
        #expect(error?.message.contains(says) == true, "\(header.prefix(100)): \(error?.message ?? "accepted")")
        #expect(error?.message.contains("m.safetensors") == true)
        #expect(error?.message.contains("again") == true)
    }

    @Test func `refuses lengths that lie`() {
        for length: UInt64 in [.max, 1 << 63, UInt64(Limits.headerBytes) + 1, 100, 13] {
            let bytes = withUnsafeBytes(of: length.littleEndian) { Array($0) } + [UInt8](repeating: 0x20, count: 12)
            let error = modelError { _ = try self.header(bytes) }
            #expect(error?.code == (length <= Limits.headerBytes ? .truncatedFile : .invalidFile))
        }
        #expect(modelError { _ = try self.header([1, 2, 3]) }?.code == .truncatedFile)
        #expect(modelError { _ = try self.header([]) }?.code == .truncatedFile)
    }

    @Test func `names every truncation of a sound file`() {
        let bytes = Self.sound.bytes
        for count in 0..<bytes.count {
            #expect(modelError { _ = try self.header(Array(bytes.prefix(count))) }?.code == .truncatedFile, "\(count)")
        }
    }

    @Test func `whatever the bytes, what is accepted lies inside the file`() {
        var random = RandomNumbers(seed: 8)
        for _ in 0..<3000 {
            var bytes = Self.sound.bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: .min ... .max, using: &random)
                case 1: bytes[at] = Array("0123456789{}[],:\"-".utf8).randomElement(using: &random) ?? 0
                default: bytes.removeSubrange(at..<min(at + Int.random(in: 1...9, using: &random), bytes.count))
                }
                if bytes.isEmpty { break }
            }
            guard let header = try? self.header(bytes) else { continue }
            for entry in header.tensors.values {
                #expect(entry.bytes.lowerBound >= 8 && entry.bytes.upperBound <= bytes.count)
                #expect(entry.shape.reduce(entry.type.blockBytes, *) == entry.bytes.count)
            }
        }
    }

    @Test func `refuses more tensors than a file may have`() {
        let entries = (0...Limits.tensorsPerFile).map {
            "\"\($0)\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"
        }
        let bytes = SafetensorsFile.bytes(header: "{" + entries.joined(separator: ",") + "}", data: [])
        #expect(modelError { _ = try self.header(bytes) }?.message.contains("more than") == true)
    }
}
