internal import CKernels

/// Some rows of a quantised tensor in panels of 16, as products read them.
struct Panels: @unchecked Sendable {
    // Sendable: every thread that fills them writes panels of its own.

    /// Of the tensor, as Hugging Face counts them.
    let rows: Range<Int>
    let columns: Int
    let rowBytes: Int
    let type: kw_type
    let start: UnsafeMutableRawPointer

    static let height = 16

    var matrix: kw_matrix {
        kw_matrix(data: self.start, type: self.type, rows: self.rows.count, columns: self.columns)
    }

    /// Makes the panels of some rows, whose blocks `bytes` holds. They begin where a panel does.
    func fill(_ rows: Range<Int>, from bytes: UnsafeRawBufferPointer) {
        let panelBytes = kw_panel_bytes(self.type, self.columns)
        let first = (rows.lowerBound - self.rows.lowerBound) / Self.height
        withUnsafeTemporaryAllocation(of: UnsafeRawPointer?.self, capacity: Self.height) { pointers in
            for panel in 0..<(rows.count + Self.height - 1) / Self.height {
                for row in 0..<Self.height {
                    let from = (panel * Self.height + row) * self.rowBytes
                    pointers[row] = from < bytes.count ? bytes.baseAddress.map { $0 + from } : nil
                }
                kw_make_panel(self.type, pointers.baseAddress, self.columns, self.start + (first + panel) * panelBytes)
            }
        }
    }
}
