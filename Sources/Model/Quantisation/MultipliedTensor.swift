internal import CKernels
internal import GGUF

/// A tensor with the numbers that blocks multiply with: those of its file, or these quantised while they are read.
struct MultipliedTensor {
    let stored: StoredTensor
    /// Of what is multiplied.
    let type: TensorType
    let rowBytes: Int

    init(stored: StoredTensor, type: TensorType) {
        self.stored = stored
        self.type = type
        self.rowBytes = stored.columns / type.blockSize * type.blockBytes
    }

    var name: String { self.stored.name }
    var shape: [Int] { self.stored.shape }
    var rows: Int { self.stored.rows }
    var columns: Int { self.stored.columns }
    var byteCount: Int { self.rows * self.rowBytes }

    private var isStored: Bool { self.type == self.stored.type }

    /// Some of its rows, counted as Hugging Face does.
    func slice(_ rows: Range<Int>) -> MultipliedTensor {
        MultipliedTensor(stored: self.stored.slice(rows), type: self.type)
    }

    /// Runs `body` on the bytes of some rows, one behind another in Hugging Face's order: those of the file, or what
    /// `memory` takes.
    func withBytes<R>(of rows: Range<Int>, through memory: RowMemory, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        if self.isStored, self.stored.rowOrder == .plain {
            let bytes = self.stored.bytes[rows.lowerBound * self.rowBytes..<rows.upperBound * self.rowBytes]
            return body(UnsafeRawBufferPointer(rebasing: bytes))
        }
        let copy = memory.bytes(rows.count * self.rowBytes)
        for (index, row) in rows.enumerated() {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: copy[index * self.rowBytes..<(index + 1) * self.rowBytes]
            )
            if self.isStored {
                part.copyMemory(from: self.stored[row])
            } else {
                self.quantise(row: row, through: memory.floats(self.columns), into: part)
            }
        }
        return body(UnsafeRawBufferPointer(copy))
    }

    private func quantise(
        row: Int,
        through floats: UnsafeMutablePointer<Float>,
        into blocks: UnsafeMutableRawBufferPointer
    ) {
        guard let type = self.type.kernelType else { preconditionFailure("\(self.type.rawValue) has no quantiser") }
        self.stored.widen(row: row, into: floats)
        kw_make_blocks(Kernels.best.table, type, floats, self.columns, blocks.baseAddress)
    }

    /// The numbers of a row as f32, exactly.
    func widen(row: Int, into floats: UnsafeMutablePointer<Float>, through memory: RowMemory) {
        guard !self.isStored, let type = self.type.ggml else { return self.stored.widen(row: row, into: floats) }
        self.withBytes(of: row..<row + 1, through: memory) { type.dequantise($0, into: floats) }
    }
}

/// Memory of one thread for rows that are reordered or quantised on their way, kept from row to row.
final class RowMemory {
    private var byteBuffer = FloatBuffer(count: 0)
    private var floatBuffer = FloatBuffer(count: 0)

    fileprivate func bytes(_ count: Int) -> UnsafeMutableRawBufferPointer {
        if self.byteBuffer.count * 4 < count { self.byteBuffer = FloatBuffer(count: (count + 3) / 4) }
        return UnsafeMutableRawBufferPointer(start: self.byteBuffer.start, count: count)
    }

    fileprivate func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
        if self.floatBuffer.count < count { self.floatBuffer = FloatBuffer(count: count) }
        return self.floatBuffer.start
    }
}
