package import GGUF

/// Writes GGUF files for tests: sound ones, unless a test asks for something else.
package struct GGUFSample: Sendable {
    package enum Value: Sendable {
        case uint8(UInt8), int8(Int8), uint16(UInt16), int16(Int16), uint32(UInt32), int32(Int32)
        case uint64(UInt64), int64(Int64), float32(Float), float64(Double), bool(Bool)
        case text([UInt8])
        case array(GGUFArray.ElementType, [Value])
        /// A type and whatever bytes follow it.
        case raw(UInt32, [UInt8])

        package static func text(_ text: String) -> Self { .text(Array(text.utf8)) }
        package static func texts(_ texts: [String]) -> Self { .array(.string, texts.map { .text($0) }) }
        package static func floats(_ floats: [Float]) -> Self { .array(.float32, floats.map { .float32($0) }) }
        package static func integers(_ integers: [Int32]) -> Self { .array(.int32, integers.map { .int32($0) }) }
    }

    package struct Tensor: Sendable {
        package var name: String
        package var type: UInt32
        package var dimensions: [UInt64]
        package var bytes: [UInt8]
        /// Nil for where a sound file has it.
        package var offset: UInt64?

        /// Dimensions as in the file: the one that runs fastest first.
        package init(_ name: String, _ type: GGMLType, _ dimensions: [Int], _ bytes: [UInt8]) {
            (self.name, self.type, self.bytes) = (name, type.rawValue, bytes)
            self.dimensions = dimensions.map(UInt64.init)
        }
    }

    package var magic = "GGUF"
    package var version: UInt32 = 3
    package var metadata: [(key: String, value: Value)]
    package var tensors: [Tensor]
    package var alignment = 32
    /// Nil for as many as there are.
    package var claimedTensors: UInt64?
    package var claimedKeys: UInt64?

    package init(_ metadata: [(key: String, value: Value)] = [], tensors: [Tensor] = []) {
        self.metadata = metadata
        self.tensors = tensors
    }

    /// The whole file.
    package var bytes: [UInt8] {
        var file = Array(self.magic.utf8)
        file.append(little: self.version)
        file.append(little: self.claimedTensors ?? UInt64(self.tensors.count))
        file.append(little: self.claimedKeys ?? UInt64(self.metadata.count))
        for (key, value) in self.metadata {
            file.append(text: Array(key.utf8))
            value.append(to: &file, withType: true)
        }
        var data: [UInt8] = []
        for tensor in self.tensors {
            data.pad(to: self.alignment)
            file.append(text: Array(tensor.name.utf8))
            file.append(little: UInt32(tensor.dimensions.count))
            for size in tensor.dimensions { file.append(little: size) }
            file.append(little: tensor.type)
            file.append(little: tensor.offset ?? UInt64(data.count))
            data += tensor.bytes
        }
        if !data.isEmpty { file.pad(to: self.alignment) }
        return file + data
    }
}

extension GGUFSample.Value {
    fileprivate func append(to file: inout [UInt8], withType: Bool) {
        func add(_ type: GGUFArray.ElementType, _ number: some FixedWidthInteger) {
            if withType { file.append(little: type.rawValue) }
            file.append(little: number)
        }
        switch self {
        case .uint8(let number): add(.uint8, number)
        case .int8(let number): add(.int8, number)
        case .uint16(let number): add(.uint16, number)
        case .int16(let number): add(.int16, number)
        case .uint32(let number): add(.uint32, number)
        case .int32(let number): add(.int32, number)
        case .uint64(let number): add(.uint64, number)
        case .int64(let number): add(.int64, number)
        case .float32(let number): add(.float32, number.bitPattern)
        case .float64(let number): add(.float64, number.bitPattern)
        case .bool(let flag): add(.bool, UInt8(flag ? 1 : 0))
        case .text(let bytes):
            if withType { file.append(little: GGUFArray.ElementType.string.rawValue) }
            file.append(text: bytes)
        case .array(let type, let elements):
            if withType { file.append(little: UInt32(9)) }
            file.append(little: type.rawValue)
            file.append(little: UInt64(elements.count))
            for element in elements { element.append(to: &file, withType: false) }
        case .raw(let type, let bytes):
            file.append(little: type)
            file += bytes
        }
    }
}

extension [UInt8] {
    package mutating func append(little number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { self += $0 }
    }

    package mutating func append(text: [UInt8]) {
        self.append(little: UInt64(text.count))
        self += text
    }

    fileprivate mutating func pad(to alignment: Int) {
        self += repeatElement(0, count: (alignment - self.count % alignment) % alignment)
    }
}
