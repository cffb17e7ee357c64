internal import CKernels

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Where panels of quantised matrices live: a few large pieces in huge pages, since a decode step walks through all of
/// them and would otherwise wait for the translation of addresses. Freed when the last matrix in it is.
final class PanelMemory: @unchecked Sendable {
    // Sendable: filled by the one thread that loads a range, and only read after that.

    private var pieces: [UnsafeMutableRawPointer] = []
    private var free: UnsafeMutableRawBufferPointer = .init(start: nil, count: 0)
    /// Panels that have room here and are still to be filled, by the names of their tensors.
    private(set) var unfilled: [String: [Panels]] = [:]

    deinit {
        for piece in self.pieces { Self.free(piece) }
    }

    /// Room for the panels of some rows of a tensor, which begin at `row` in it.
    func take(_ rows: MultipliedTensor, from row: Int, _ type: kw_type) throws(ModelError) -> Panels {
        let count = (rows.rows + Panels.height - 1) / Panels.height
        let panels = Panels(
            rows: row..<row + rows.rows,
            columns: rows.columns,
            rowBytes: rows.rowBytes,
            type: type,
            start: try self.take(count * kw_panel_bytes(type, rows.columns))
        )
        self.unfilled[rows.name, default: []].append(panels)
        return panels
    }

    /// Room for some bytes that nobody has touched, aligned to a cache line.
    func take(_ byteCount: Int) throws(ModelError) -> UnsafeMutableRawPointer {
        let size = (byteCount + 63) / 64 * 64
        if self.free.count < size { try self.addPiece(atLeast: size) }
        guard let start = self.free.baseAddress else { preconditionFailure("a piece of memory without an address") }
        self.free = UnsafeMutableRawBufferPointer(rebasing: self.free[size...])
        return start
    }

    /// Untouched pages of a piece cost nothing, so its size only has to be large.
    private static let pieceBytes = 64 << 20
    private static let hugePageBytes = 2 << 20

    private func addPiece(atLeast byteCount: Int) throws(ModelError) {
        let size = (max(byteCount, Self.pieceBytes) + Self.hugePageBytes - 1) / Self.hugePageBytes * Self.hugePageBytes
        var start: UnsafeMutableRawPointer?
        guard posix_memalign(&start, Self.hugePageBytes, size) == 0, let start else {
            throw ModelError(.outOfMemory, "No memory for \(size) bytes of weights; load fewer blocks.")
        }
        #if os(Linux)
            madvise(start, size, MADV_HUGEPAGE)
        #endif
        self.pieces.append(start)
        self.free = UnsafeMutableRawBufferPointer(start: start, count: size)
    }

    private static func free(_ piece: UnsafeMutableRawPointer) {
        #if canImport(Glibc)
            Glibc.free(piece)
        #elseif canImport(Musl)
            Musl.free(piece)
        #else
            Darwin.free(piece)
        #endif
    }
}
