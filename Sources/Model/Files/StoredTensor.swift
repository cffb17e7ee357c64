internal import CKernels
internal import GGUF

/// One tensor as a file's header describes it.
struct TensorEntry: Equatable, Sendable {
    var type: TensorType
    /// As Hugging Face has it: [rows, columns] of a matrix.
    var shape: [Int]
    /// Where its bytes stand, counted from the start of the file.
    var bytes: Range<Int>
    var rowOrder = RowOrder.plain
    /// Whether one was added to each number already: a Gemma norm multiplies with 1 + weight, and GGUF stores the sum.
    var includesOne = false

    /// The bytes that its numbers take when they are stored as another type.
    func byteCount(as type: TensorType?) -> Int {
        guard let type, type != self.type else { return self.bytes.count }
        return self.shape.reduce(1, *) / type.blockSize * type.blockBytes
    }
}

/// How the rows of a stored matrix are ordered.
enum RowOrder: Equatable, Sendable {
    /// As Hugging Face has them.
    case plain
    /// Within each head of so many rows, those that RoPE turns together are neighbours: 0, d/2, 1, d/2 + 1, …
    case interleaved(headDimension: Int)

    /// Where the row that Hugging Face counts as `row` is stored.
    func stored(_ row: Int) -> Int {
        guard case .interleaved(let dimension) = self else { return row }
        let (head, within) = row.quotientAndRemainder(dividingBy: dimension)
        let (half, pair) = within.quotientAndRemainder(dividingBy: dimension / 2)
        return head * dimension + 2 * pair + half
    }
}

/// A tensor of a model under Hugging Face's name, in the shape and order of rows that Hugging Face gives it, whatever
/// file it comes from. Its bytes live as long as the `ModelDirectory`.
package struct StoredTensor: @unchecked Sendable {
    // Sendable: the bytes are read-only.

    package let name: String
    package let type: TensorType
    /// [rows, columns] of a matrix, [count] of a vector.
    package let shape: [Int]
    /// All rows, in the order of the file.
    let bytes: UnsafeRawBufferPointer
    let rowOrder: RowOrder
    let includesOne: Bool
    /// Numbers in a row. A vector is one row, unless its numbers belong to rows of a matrix that are reordered.
    package let columns: Int
    package let rowBytes: Int

    init(_ name: String, _ entry: TensorEntry, bytes: UnsafeRawBufferPointer) {
        self.name = name
        self.type = entry.type
        self.shape = entry.shape
        self.bytes = bytes
        self.rowOrder = entry.rowOrder
        self.includesOne = entry.includesOne
        self.columns = entry.shape.count > 1 || entry.rowOrder == .plain ? entry.shape.last ?? 1 : 1
        self.rowBytes = self.columns / entry.type.blockSize * entry.type.blockBytes
    }

    /// Some rows of a matrix that holds several; only a matrix whose rows stand as Hugging Face has them is cut.
    func slice(_ rows: Range<Int>) -> StoredTensor {
        guard rows != 0..<self.rows else { return self }
        precondition(self.rowOrder == .plain, "\(self.name) is stored in an order that cannot be cut")
        let bytes = self.bytes[rows.lowerBound * self.rowBytes..<rows.upperBound * self.rowBytes]
        return StoredTensor(
            self.name,
            TensorEntry(type: self.type, shape: [rows.count, self.columns], bytes: 0..<bytes.count),
            bytes: UnsafeRawBufferPointer(rebasing: bytes)
        )
    }

    package var rows: Int { self.rowBytes == 0 ? 0 : self.bytes.count / self.rowBytes }

    /// The bytes of a row, counted as Hugging Face does.
    package subscript(row: Int) -> UnsafeRawBufferPointer {
        let start = self.rowOrder.stored(row) * self.rowBytes
        return UnsafeRawBufferPointer(rebasing: self.bytes[start..<start + self.rowBytes])
    }

    /// Runs `body` on the bytes of all rows in Hugging Face's order, in as few pieces as they are stored in.
    package func withPieces(_ body: (UnsafeRawBufferPointer) -> Void) {
        if self.rowOrder == .plain { return body(self.bytes) }
        for row in 0..<self.rows { body(self[row]) }
    }

    /// Tells the system that some rows will not be read again soon; only for a tensor of a mapped file.
    func release(_ rows: Range<Int>) {
        let bytes = self.bytes[rows.lowerBound * self.rowBytes..<rows.upperBound * self.rowBytes]
        MappedFile.release(UnsafeRawBufferPointer(rebasing: bytes))
    }

    /// The numbers of a row as f32, exactly.
    package func widen(row: Int, into floats: UnsafeMutablePointer<Float>) {
        let bytes = self[row]
        let type: kw_type
        switch self.type {
        case .f16: type = kw_f16
        case .bf16: type = kw_bf16
        case .f32: type = kw_f32
        case _:
            guard let type = self.type.ggml, self.type.isWidened else {
                preconditionFailure("\(self.name) is stored as \(self.type.rawValue), which was to be refused")
            }
            return type.dequantise(bytes, into: floats)
        }
        guard let start = bytes.baseAddress else { return }
        if Int(bitPattern: start).isMultiple(of: type == kw_f32 ? 4 : 2) {
            kw_widen(Kernels.best.table, type, start, floats, self.columns)
        } else {
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 4)
            defer { copy.deallocate() }
            copy.copyMemory(from: bytes)
            kw_widen(Kernels.best.table, type, copy.baseAddress, floats, self.columns)
        }
    }
}
