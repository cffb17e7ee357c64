public import NIOCore

/// A tensor of f16 values as it travels: hidden states `[1, tokens, hidden]` or logits `[1, tokens, vocabulary]`.
public struct Activations: Sendable, Hashable {
    /// Row-major dimensions; empty only together with empty `data`, as in an error reply.
    public let shape: [UInt32]
    /// IEEE half-precision values, little-endian, two bytes each.
    public let data: ByteBuffer

    /// The tensor of an error reply and of a close: no dimensions, no values.
    public static let none = Activations()

    private init() {
        self.shape = []
        self.data = ByteBuffer()
    }

    /// `data` is `rows` times `width` values.
    init(rows: Int, width: Int, data: ByteBuffer) {
        self.shape = [1, UInt32(clamping: rows), UInt32(clamping: width)]
        self.data = data
    }

    /// - Throws: `ShardError` with `badTensor` unless the product of `shape`, times two, is the length of `data`.
    public init(shape: [UInt32], data: ByteBuffer) throws(ShardError) {
        try TensorShape.check(shape, byteCount: data.readableBytes, elementSize: 2)
        self.shape = shape
        self.data = data
    }

    /// The tensor `[1, tokens, halves.count / tokens]`.
    ///
    /// - Parameter halves: the bit patterns of f16 values, row by row.
    /// - Throws: `ShardError` with `badTensor` when the values do not fill whole rows.
    public init(tokens: Int, halves: [UInt16]) throws(ShardError) {
        guard tokens > 0, halves.count.isMultiple(of: tokens), let rows = UInt32(exactly: tokens),
            let width = UInt32(exactly: halves.count / tokens)
        else {
            throw ShardError(code: .badTensor, message: "\(halves.count) values are no \(tokens) equal rows")
        }
        self.shape = [1, rows, width]
        self.data = HalfBytes.encode(halves)
    }

    /// The bit patterns of the f16 values, row by row.
    public var halves: [UInt16] { HalfBytes.decode(self.data) }

    /// Bytes of the values.
    package var byteCount: Int { self.data.readableBytes }

    /// Rows of a tensor `[1, tokens, width]`; nil for any other rank, or when the leading dimension is not 1.
    public var tokenCount: Int? {
        self.shape.count == 3 && self.shape[0] == 1 ? Int(self.shape[1]) : nil
    }

    /// Values in each row of a tensor `[1, tokens, width]`; nil for any other rank.
    public var width: Int? {
        self.shape.count == 3 && self.shape[0] == 1 ? Int(self.shape[2]) : nil
    }

    /// False when a value is NaN or infinite, which no step may take or give (DESIGN.md §5).
    public var isFinite: Bool {
        self.data.withUnsafeReadableBytes { bytes in
            // The exponent of NaN and of infinity is all ones, so one more carries into the bit above. All are looked at, since
            // a loop without a way out takes many at a time.
            var carries: UInt16 = 0
            for index in 0..<bytes.count / 2 {
                let half = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
                carries |= (half & 0x7c00) &+ 0x0400
            }
            return carries & 0x8000 == 0
        }
    }
}

/// The arithmetic on dimensions that a remote chose.
enum TensorShape {
    /// Refuses dimensions whose product is not the number of elements in the bytes that came with them.
    static func check(_ shape: [UInt32], byteCount: Int, elementSize: Int) throws(ShardError) {
        guard shape.count <= Limits.rank else {
            throw ShardError(
                code: .badTensor,
                message: "a tensor of \(shape.count) dimensions: at most \(Limits.rank) are accepted"
            )
        }
        guard !shape.isEmpty else {
            guard byteCount == 0 else { throw Self.mismatch(shape, byteCount: byteCount) }
            return
        }
        var count = 1
        for dimension in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: Int(dimension))
            guard !overflow else { throw Self.mismatch(shape, byteCount: byteCount) }
            count = product
        }
        let (expected, overflow) = count.multipliedReportingOverflow(by: elementSize)
        guard !overflow, expected == byteCount else { throw Self.mismatch(shape, byteCount: byteCount) }
    }

    private static func mismatch(_ shape: [UInt32], byteCount: Int) -> ShardError {
        ShardError(code: .badTensor, message: "shape \(shape) does not match \(byteCount) bytes of data")
    }
}

/// f16 bit patterns to and from little-endian bytes.
enum HalfBytes {
    static func encode(_ halves: [UInt16]) -> ByteBuffer {
        var bytes = ByteBufferAllocator().buffer(capacity: halves.count * 2)
        #if _endian(little)
            halves.withUnsafeBytes { _ = bytes.writeBytes($0) }
        #else
            for half in halves { bytes.writeInteger(half, endianness: .little) }
        #endif
        return bytes
    }

    static func decode(_ bytes: ByteBuffer) -> [UInt16] {
        bytes.withUnsafeReadableBytes { source in
            let count = source.count / 2
            return [UInt16](unsafeUninitializedCapacity: count) { target, initialized in
                for index in 0..<count {
                    let pattern = source.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
                    target.initializeElement(at: index, to: UInt16(littleEndian: pattern))
                }
                initialized = count
            }
        }
    }
}
