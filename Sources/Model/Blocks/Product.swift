internal import CKernels

/// A matrix with the bias that is added to its products: floats mapped as they are stored, or quantised panels. Who
/// multiplies need not know which.
struct Product: @unchecked Sendable {
    // Sendable: the bytes are read-only and live as long as `owner`.

    let matrix: kw_matrix
    let bias: FloatBuffer?
    /// Keeps the matrix alive where it is a copy.
    let owner: (any AnyObject & Sendable)?

    var rows: Int { self.matrix.rows }
    var columns: Int { self.matrix.columns }
    /// Whether it needs an operand's int8 form.
    var isQuantised: Bool { self.matrix.type.rawValue >= kw_q8_0.rawValue }
    var weightCount: Int { self.rows * self.columns }

    /// y[token][row] = x[token] · matrix[row] + bias[row] for some rows and all tokens.
    func multiply(_ x: Operand, rows: Range<Int>, into y: Rows, _ pass: Pass) {
        var matrix = self.matrix
        let (table, first, end, bias) = (pass.kernels.table, rows.lowerBound, rows.upperBound, self.bias?.start)
        if self.isQuantised {
            var activations = x.activations
            kw_multiply_quantised(table, &matrix, first, end, bias, &activations, x.floats.count, y.start, y.width)
        } else {
            kw_multiply(table, &matrix, first, end, bias, x.floats.start, x.floats.count, y.start, y.width)
        }
    }

    func callAsFunction(_ x: Rows, into y: Rows, _ pass: Pass) {
        let x = pass.operand(x, isQuantised: self.isQuantised)
        pass.split(self.rows, grain: Self.rowsPerGrain) { self.multiply(x, rows: $0, into: y, pass) }
    }

    /// A multiple of every kernel's tile.
    static let rowsPerGrain = 48
}
