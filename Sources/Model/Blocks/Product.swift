internal import CKernels

/// A matrix, mapped as it is stored, with the bias that is added to its products.
struct Product: @unchecked Sendable {
    // Sendable: the bytes are read-only and live as long as `owner`.

    let matrix: kw_matrix
    let bias: FloatBuffer?
    /// Keeps the matrix alive where it had to be copied to an aligned place.
    let owner: FloatBuffer?

    var rows: Int { self.matrix.rows }
    var columns: Int { self.matrix.columns }
    var weightCount: Int { self.rows * self.columns }

    /// y[token][row] = x[token] · matrix[row] + bias[row] for some rows and all tokens.
    func multiply(_ x: Rows, rows: Range<Int>, into y: Rows, _ pass: Pass) {
        var matrix = self.matrix
        kw_multiply(
            pass.kernels.table,
            &matrix,
            rows.lowerBound,
            rows.upperBound,
            self.bias?.start,
            x.start,
            x.count,
            y.start,
            y.width
        )
    }

    func callAsFunction(_ x: Rows, into y: Rows, _ pass: Pass) {
        pass.split(self.rows, grain: Self.rowsPerGrain) { self.multiply(x, rows: $0, into: y, pass) }
    }

    /// A multiple of every kernel's tile.
    static let rowsPerGrain = 48
}
