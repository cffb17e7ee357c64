internal import CKernels

extension WeightLoader {
    /// A quantised matrix in panels, made on all threads. What was read of the file is released behind them, so that
    /// the matrix is not in memory twice.
    func panels(_ tensor: MultipliedTensor, _ type: kw_type) throws(ModelError) -> kw_matrix {
        let panelBytes = kw_panel_bytes(type, tensor.columns)
        let panelCount = (tensor.rows + Self.panelRows - 1) / Self.panelRows
        let start = SendablePointer(start: try self.memory.take(panelCount * panelBytes))
        let parts = (panelCount + Self.panelsPerPart - 1) / Self.panelsPerPart
        self.pool.run(parts: parts) { part in
            let first = part * Self.panelsPerPart
            let end = min(first + Self.panelsPerPart, panelCount)
            let rows = first * Self.panelRows..<min(end * Self.panelRows, tensor.rows)
            tensor.withBytes(of: rows) { bytes in
                for panel in first..<end {
                    let from = (panel - first) * Self.panelRows * tensor.rowBytes
                    let part = UnsafeRawBufferPointer(rebasing: bytes[from...])
                    Self.makePanel(part, tensor, type, start.start + panel * panelBytes)
                }
            }
            if !self.directory.isEmbedded { tensor.stored.release(rows) }
        }
        return kw_matrix(data: start.start, type: type, rows: tensor.rows, columns: tensor.columns)
    }

    private static let panelRows = 16
    /// Enough that a thread's share begins in a page of its own, few enough that little of the file is held.
    private static let panelsPerPart = 16

    /// Makes one panel of the first 16 rows in `bytes`, or as many as there are.
    private static func makePanel(
        _ bytes: UnsafeRawBufferPointer,
        _ tensor: MultipliedTensor,
        _ type: kw_type,
        _ panel: UnsafeMutableRawPointer
    ) {
        withUnsafeTemporaryAllocation(of: UnsafeRawPointer?.self, capacity: self.panelRows) { rows in
            for row in 0..<self.panelRows {
                let from = row * tensor.rowBytes
                rows[row] = from < bytes.count ? bytes.baseAddress.map { $0 + from } : nil
            }
            kw_make_panel(type, rows.baseAddress, tensor.columns, panel)
        }
    }
}

/// Memory of which every thread writes a part of its own.
private struct SendablePointer: @unchecked Sendable {
    let start: UnsafeMutableRawPointer
}
