/// One tensor as the header describes it.
package struct GGUFTensor: Equatable, Sendable {
    package var name: String
    package var type: GGMLType
    /// As in the file: the index that runs fastest comes first. At least one number.
    package var dimensions: [Int]
    /// Where its numbers stand, counted from the start of the file.
    package var bytes: Range<Int>

    /// Rows before columns, as every other format has it: [rows, columns] of a matrix.
    package var shape: [Int] { self.dimensions.reversed() }
}

extension GGUFTensor {
    /// Reads one entry of the table; `bytes` counts from the start of the data until the header is known.
    init(reading cursor: inout GGUFCursor) throws(GGUFError) {
        self.name = try cursor.name(of: "a tensor", atMost: Limits.tensorNameBytes)
        let rank = try cursor.number(UInt32.self)
        guard (1...Limits.tensorRank).contains(Int(rank)) else {
            throw GGUFError(.invalid, "gives \(self.name) \(rank) dimensions")
        }
        self.dimensions = []
        var count = 1
        for _ in 0..<rank {
            let size = try cursor.number(UInt64.self)
            guard let size = Int(exactly: size), size > 0 else {
                throw GGUFError(.invalid, "gives \(self.name) a dimension of \(size)")
            }
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow else { throw Self.tooLarge(self.name) }
            count = product
            self.dimensions.append(size)
        }
        let type = try cursor.number(UInt32.self)
        guard let type = GGMLType(rawValue: type) else {
            throw GGUFError(.unknownType, "stores \(self.name) as type \(type), which is not known here")
        }
        self.type = type
        guard self.dimensions[0].isMultiple(of: type.blockSize) else {
            throw GGUFError(
                .invalid,
                "gives \(self.name) rows of \(self.dimensions[0]) numbers, no multiple of \(type.name)'s "
                    + "\(type.blockSize)"
            )
        }
        let offset = try cursor.number(UInt64.self)
        let (byteCount, overflow) = (count / type.blockSize).multipliedReportingOverflow(by: type.blockBytes)
        guard !overflow, let start = Int(exactly: offset), start <= Int.max - byteCount else {
            throw Self.tooLarge(self.name)
        }
        self.bytes = start..<start + byteCount
    }

    private static func tooLarge(_ name: String) -> GGUFError {
        GGUFError(.invalid, "makes \(name) larger than any memory")
    }
}
