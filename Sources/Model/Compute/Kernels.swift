internal import CKernels

/// The kernels of one instruction set that this CPU has.
package struct Kernels: @unchecked Sendable {
    // Sendable: a table of functions that never changes.

    let table: OpaquePointer

    /// The fastest that this CPU has; all give the same bits.
    package static let best = Kernels(table: kw_kernels_best())

    /// Plain C first, the fastest last.
    package static var all: [Kernels] { (0..<kw_kernels_count()).map { Kernels(table: kw_kernels_at($0)) } }

    package var name: String { String(cString: kw_kernels_name(self.table)) }
}
