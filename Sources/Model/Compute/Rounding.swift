internal import CKernels

/// Whether the rounding points of DESIGN.md §6.1 are kept.
package enum Rounding: Sendable {
    /// As always: the stream, keys, values and logits are rounded to f16.
    case toHalf
    /// For the test that compares with a computation that never rounds: everything stays f32.
    case none

    /// How the cache stores keys and values.
    var storage: kw_type { self == .toHalf ? kw_f16 : kw_f32 }

    var storageBytes: Int { self == .toHalf ? 2 : 4 }
}
