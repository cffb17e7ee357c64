/// Rows of text in aligned columns.
struct Table {
    private var rows: [[String]]

    init(header: [String]) {
        self.rows = [header]
    }

    mutating func append(_ row: [String]) {
        self.rows.append(row)
    }

    /// One line for each row; the last column is as wide as it needs to be.
    var lines: [String] {
        let columns = self.rows[0].count
        let widths = (0..<columns).map { column in self.rows.map { $0[column].count }.max() ?? 0 }
        return self.rows.map { row in
            row.enumerated().map { column, cell in
                column == columns - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            .joined(separator: "  ")
        }
    }
}
