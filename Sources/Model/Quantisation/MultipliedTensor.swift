internal import CKernels
internal import GGUF

/// A tensor with the numbers that blocks multiply with: those of its file, or these quantised while they are read.
struct MultipliedTensor {
    let stored: StoredTensor
    /// Of what is multiplied.
    let type: TensorType

    var name: String { self.stored.name }
    var shape: [Int] { self.stored.shape }
    var rows: Int { self.stored.rows }
    var columns: Int { self.stored.columns }
    var rowBytes: Int { self.columns / self.type.blockSize * self.type.blockBytes }
    var byteCount: Int { self.rows * self.rowBytes }

    private var isStored: Bool { self.type == self.stored.type }

    /// Some of its rows, counted as Hugging Face does.
    func slice(_ rows: Range<Int>) -> MultipliedTensor {
        MultipliedTensor(stored: self.stored.slice(rows), type: self.type)
    }

    /// Runs `body` on the bytes of some rows, one behind another in Hugging Face's order.
    func withBytes<R>(of rows: Range<Int>, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        if self.isStored, self.stored.rowOrder == .plain {
            let bytes = self.stored.bytes[rows.lowerBound * self.rowBytes..<rows.upperBound * self.rowBytes]
            return body(UnsafeRawBufferPointer(rebasing: bytes))
        }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: rows.count * self.rowBytes, alignment: 4)
        defer { copy.deallocate() }
        let floats = FloatBuffer(count: self.columns)
        for (index, row) in rows.enumerated() {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: copy[index * self.rowBytes..<(index + 1) * self.rowBytes]
            )
            if self.isStored {
                part.copyMemory(from: self.stored[row])
            } else {
                self.quantise(row: row, through: floats, into: part)
            }
        }
        return body(UnsafeRawBufferPointer(copy))
    }

    private func quantise(row: Int, through floats: FloatBuffer, into blocks: UnsafeMutableRawBufferPointer) {
        guard let type = self.type.kernelType else { preconditionFailure("\(self.type.rawValue) has no quantiser") }
        self.stored.widen(row: row, into: floats.start)
        kw_make_blocks(Kernels.best.table, type, floats.start, self.columns, blocks.baseAddress)
    }

    /// The numbers of a row as f32, exactly.
    func widen(row: Int, into floats: UnsafeMutablePointer<Float>) {
        guard !self.isStored, let type = self.type.ggml else { return self.stored.widen(row: row, into: floats) }
        self.withBytes(of: row..<row + 1) { type.dequantise($0, into: floats) }
    }
}
