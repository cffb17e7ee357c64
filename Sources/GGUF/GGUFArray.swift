/// An array of a file's metadata, decoded when it is asked for: all lengths in it have been checked.
package struct GGUFArray: @unchecked Sendable {
    // Sendable: the bytes are read-only and outlive whoever holds this.

    package let elementType: ElementType
    package let count: Int
    /// The elements as they stand in the file.
    package let buffer: UnsafeRawBufferPointer

    /// The types of single values and of elements; the raw value is the file's.
    package enum ElementType: UInt32, Sendable {
        case uint8 = 0
        case int8 = 1
        case uint16 = 2
        case int16 = 3
        case uint32 = 4
        case int32 = 5
        case float32 = 6
        case bool = 7
        case string = 8
        case uint64 = 10
        case int64 = 11
        case float64 = 12

        /// Nil for strings, which bring their own length.
        var byteCount: Int? {
            switch self {
            case .uint8, .int8, .bool: 1
            case .uint16, .int16: 2
            case .uint32, .int32, .float32: 4
            case .uint64, .int64, .float64: 8
            case .string: nil
            }
        }
    }

    /// The elements of an array of texts, else nil.
    package var texts: [GGUFText]? { self.decoded(\.text) }

    /// The elements of an array of integers, else nil; nil too where one is beyond Int.
    package var integers: [Int]? { self.decoded(\.integer) }

    /// The elements of an array of f32, else nil.
    package var floats: [Float]? {
        self.decoded { value in
            if case .float32(let float) = value { float } else { nil }
        }
    }

    /// The elements of an array of booleans, else nil.
    package var bools: [Bool]? { self.decoded(\.bool) }

    /// Calls `body` with one element after the other, until it returns false.
    package func forEach(_ body: (GGUFValue) -> Bool) {
        var cursor = GGUFCursor(self.buffer, isWhole: true)
        for _ in 0..<self.count {
            guard let value = try? cursor.value(of: self.elementType), body(value) else { return }
        }
    }

    private func decoded<Element>(_ convert: (GGUFValue) -> Element?) -> [Element]? {
        var elements: [Element] = []
        elements.reserveCapacity(self.count)
        self.forEach { value in
            guard let element = convert(value) else { return false }
            elements.append(element)
            return true
        }
        return elements.count == self.count ? elements : nil
    }
}

extension GGUFArray: Equatable {
    package static func == (a: Self, b: Self) -> Bool {
        a.elementType == b.elementType && a.count == b.count && a.buffer.elementsEqual(b.buffer)
    }
}
