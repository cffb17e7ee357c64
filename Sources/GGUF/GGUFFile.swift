/// What a GGUF file says of itself before its data: metadata, and which tensor stands where. Versions 2 and 3.
///
/// It is hostile input. What is accepted describes tensors that lie inside the file behind its header, aligned, one
/// after another without overlap, each with as many bytes as its type and dimensions need, and no name twice. Reading it
/// touches no byte of the data and allocates in proportion to what is there, never to what is claimed.
///
/// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
package struct GGUFFile: Sendable {
    package let version: UInt32
    /// The keys are printable ASCII.
    package let metadata: [String: GGUFValue]
    /// In the order of the file's table.
    package let tensors: [GGUFTensor]
    /// Every tensor begins at a multiple of it, counted from the start of the data.
    package let alignment: Int

    /// Reads the header of `file`, the whole content of a file, which must outlive the result.
    package init(_ file: UnsafeRawBufferPointer) throws(GGUFError) {
        let header = UnsafeRawBufferPointer(rebasing: file.prefix(Limits.headerBytes))
        var cursor = GGUFCursor(header, isWhole: header.count == file.count)
        self.version = try Self.version(&cursor)
        let tensorCount = try cursor.count(of: "tensors", atMost: Limits.tensorCount, bytesEach: 32)
        let metadataCount = try cursor.count(of: "keys", atMost: Limits.metadataCount, bytesEach: 13)
        self.metadata = try Self.metadata(metadataCount, &cursor)
        self.alignment = try Self.alignment(self.metadata)
        let table = try Self.table(tensorCount, &cursor)
        let dataStart = Self.aligned(cursor.offset, to: self.alignment)
        try Self.checkPlaces(table, dataStart: dataStart, alignment: self.alignment, fileBytes: file.count)
        self.tensors = table.map { tensor in
            var tensor = tensor
            tensor.bytes = tensor.bytes.lowerBound + dataStart..<tensor.bytes.upperBound + dataStart
            return tensor
        }
    }

    private static func version(_ cursor: inout GGUFCursor) throws(GGUFError) -> UInt32 {
        guard cursor.remaining >= 8, try cursor.take(4).elementsEqual("GGUF".utf8) else {
            throw GGUFError(.notGGUF, "does not begin with \"GGUF\" and a version")
        }
        let version = try cursor.number(UInt32.self)
        let known: ClosedRange<UInt32> = 2...3
        guard !known.contains(version.byteSwapped) else {
            throw GGUFError(.bigEndian, "is a big-endian GGUF file, made for other processors")
        }
        guard known.contains(version) else {
            throw GGUFError(.unsupportedVersion, "is of GGUF version \(version), and versions 2 and 3 are read here")
        }
        return version
    }

    private static func metadata(
        _ count: Int,
        _ cursor: inout GGUFCursor
    ) throws(GGUFError) -> [String: GGUFValue] {
        var metadata: [String: GGUFValue] = [:]
        for _ in 0..<count {
            let key = try cursor.name(of: "a key", atMost: Limits.keyBytes)
            guard metadata.updateValue(try cursor.value(key: key), forKey: key) == nil else {
                throw GGUFError(.invalid, "has the key \(key.prefix(80)) twice")
            }
        }
        return metadata
    }

    private static func alignment(_ metadata: [String: GGUFValue]) throws(GGUFError) -> Int {
        guard let value = metadata["general.alignment"] else { return 32 }
        guard let alignment = value.integer, (8...Limits.alignment).contains(alignment),
            alignment.nonzeroBitCount == 1
        else { throw GGUFError(.invalid, "has an alignment that is no power of two from 8 to \(Limits.alignment)") }
        return alignment
    }

    private static func table(_ count: Int, _ cursor: inout GGUFCursor) throws(GGUFError) -> [GGUFTensor] {
        var tensors: [GGUFTensor] = []
        var names: Set<String> = []
        for _ in 0..<count {
            let tensor = try GGUFTensor(reading: &cursor)
            guard names.insert(tensor.name).inserted else {
                throw GGUFError(.invalid, "has the tensor \(tensor.name) twice")
            }
            tensors.append(tensor)
        }
        return tensors
    }

    /// Tensors follow one another, each at the next multiple of the alignment, as every writer lays them.
    private static func checkPlaces(
        _ tensors: [GGUFTensor],
        dataStart: Int,
        alignment: Int,
        fileBytes: Int
    ) throws(GGUFError) {
        var end = 0
        for tensor in tensors.sorted(by: { $0.bytes.lowerBound < $1.bytes.lowerBound }) {
            guard tensor.bytes.lowerBound >= end else { throw GGUFError(.invalid, "lets \(tensor.name) overlap") }
            guard tensor.bytes.lowerBound == Self.aligned(end, to: alignment) else {
                throw GGUFError(.invalid, "places \(tensor.name) elsewhere than at the next multiple of \(alignment)")
            }
            end = tensor.bytes.upperBound
            guard end <= fileBytes - dataStart else {
                throw GGUFError(
                    .truncated,
                    "has \(fileBytes) bytes, and \(tensor.name) ends at \(UInt(end) + UInt(dataStart))"
                )
            }
        }
    }

    /// The next multiple of a power of two.
    private static func aligned(_ offset: Int, to alignment: Int) -> Int {
        (offset + alignment - 1) & ~(alignment - 1)
    }
}
