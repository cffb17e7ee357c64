import Testing

@testable import Model

extension FuzzTests {
    @Test func `the safetensors reader survives whatever a header says`() {
        let words = [
            "\"dtype\":", "\"shape\":", "\"data_offsets\":", "\"F16\"", "\"BF16\"", "[", "]", "{", "}", ",", ":", "\"",
            "\\u0000",
            "0", "-1", "1e9", "9223372036854775807", "4294967296", "18446744073709551616", "null", "__metadata__",
        ]
        fuzz("safetensors", words: words, make: Self.safetensors) { bytes in
            let header = try SafetensorsHeader(bytes, name: "fuzzed")
            for entry in header.tensors.values {
                #expect(entry.bytes.lowerBound >= 8 && entry.bytes.upperBound <= bytes.count)
                #expect(entry.shape.reduce(entry.type.blockBytes, *) == entry.bytes.count)
            }
            return true
        }
    }

    /// A header with some of its claims changed under a length that fits, and sometimes some of the file's bytes.
    private static func safetensors(_ random: inout Mutator) -> [UInt8] {
        var tensors: [(name: String, type: String, shape: [UInt64], range: [UInt64])] = [
            ("a", "F32", [2, 2], [0, 16]), ("b", "F16", [3], [16, 22]), ("c", "U8", [2, 1, 1], [22, 24]),
        ]
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            let tensor = Int.random(in: tensors.indices, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: tensors[tensor].name = random.pick(["a", "b", "é", "__metadata__", ""])
            case 1: tensors[tensor].type = random.pick(TensorType.allCases).rawValue
            case 2: tensors[tensor].shape[0] = random.number(tensors[tensor].shape[0])
            case 3: tensors[tensor].shape += [random.number(1)]
            case 4: tensors[tensor].range[0] = random.number(tensors[tensor].range[0])
            case _: tensors[tensor].range[1] = random.number(tensors[tensor].range[1])
            }
        }
        let entries = tensors.map {
            "\"\($0.name)\":{\"dtype\":\"\($0.type)\",\"shape\":\($0.shape),\"data_offsets\":\($0.range)}"
        }
        var header = Array("{\(entries.joined(separator: ","))}".utf8)
        if random.chance(3) { header = random.bytes(header) }
        let length = random.chance(10) ? random.number(UInt64(header.count)) : UInt64(header.count)
        let file =
            (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header + [UInt8](repeating: 1, count: 24)
        return random.chance(6) ? random.bytes(file) : file
    }
}
