internal import StrictJSON

/// The header of a safetensors file: eight bytes of length, then JSON that maps each tensor's name to its type, shape
/// and place.
///
/// It is hostile input. What is accepted describes tensors that lie inside the file, fill it from the header's end to
/// its own, do not overlap, and have as many bytes as their shapes need.
struct SafetensorsHeader: Sendable {
    var tensors: [String: TensorEntry]

    /// Reads the header of `file`, the whole content of a file that messages call `name`.
    init(_ file: UnsafeRawBufferPointer, name: String) throws(ModelError) {
        let text = try Self.text(file, name: name)
        let json: JSON
        do {
            json = try JSON(parsing: UnsafeRawBufferPointer(rebasing: text))
        } catch {
            throw corrupt(name, "its header is not JSON: \(error)")
        }
        guard let members = json.members else { throw corrupt(name, "its header is not a JSON object") }
        guard members.count <= Limits.tensorsPerFile else {
            throw corrupt(name, "its header lists more than \(Limits.tensorsPerFile) tensors")
        }
        self.tensors = [:]
        let dataStart = text.endIndex
        for member in members where member.key != "__metadata__" {
            let entry = try Self.entry(member, dataStart: dataStart, file: name)
            guard self.tensors.updateValue(entry, forKey: member.key) == nil else {
                throw corrupt(name, "the tensor \(member.key.prefix(80)) occurs twice")
            }
        }
        try self.checkCoverage(from: dataStart, to: file.count, name: name)
    }

    private static func text(
        _ file: UnsafeRawBufferPointer,
        name: String
    ) throws(ModelError) -> Slice<UnsafeRawBufferPointer> {
        guard file.count >= 8 else { throw truncated(name, needs: 8, has: file.count) }
        let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
        guard length <= Limits.headerBytes else {
            throw corrupt(name, "its header claims \(length) bytes, more than \(Limits.headerBytes)")
        }
        guard file.count - 8 >= Int(length) else { throw truncated(name, needs: Int(length) + 8, has: file.count) }
        return file[8..<8 + Int(length)]
    }

    private static func entry(
        _ member: JSON.Member,
        dataStart: Int,
        file: String
    ) throws(ModelError) -> TensorEntry {
        let tensor = "the tensor \(member.key.prefix(80))"
        guard let typeName = member.value["dtype"]?.string, let type = TensorType(safetensors: typeName) else {
            throw corrupt(file, "\(tensor) is of an unknown type")
        }
        guard let dimensions = member.value["shape"]?.array, dimensions.count <= Limits.tensorRank else {
            throw corrupt(file, "\(tensor) has no shape of at most \(Limits.tensorRank) dimensions")
        }
        var shape: [Int] = []
        var byteCount = type.blockBytes
        for dimension in dimensions {
            guard let size = dimension.integer, size >= 0 else { throw corrupt(file, "\(tensor) has no valid shape") }
            let (product, overflow) = byteCount.multipliedReportingOverflow(by: size)
            guard !overflow else { throw corrupt(file, "\(tensor) is larger than any memory") }
            shape.append(size)
            byteCount = product
        }
        let offsets = member.value["data_offsets"]?.array?.compactMap(\.integer) ?? []
        guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= Int.max - dataStart else {
            throw corrupt(file, "\(tensor) has no valid offsets")
        }
        guard offsets[1] - offsets[0] == byteCount else {
            throw corrupt(file, "\(tensor) has \(offsets[1] - offsets[0]) bytes where its shape needs \(byteCount)")
        }
        return TensorEntry(type: type, shape: shape, bytes: dataStart + offsets[0]..<dataStart + offsets[1])
    }

    private func checkCoverage(from start: Int, to end: Int, name: String) throws(ModelError) {
        var covered = start
        let places = self.tensors.values.map(\.bytes).sorted {
            ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound)
        }
        for place in places {
            guard place.lowerBound >= covered else { throw corrupt(name, "two of its tensors overlap") }
            guard place.lowerBound == covered else { throw corrupt(name, "its tensors leave a gap between them") }
            covered = place.upperBound
        }
        guard covered <= end else { throw truncated(name, needs: covered, has: end) }
        guard covered == end else { throw corrupt(name, "\(end - covered) bytes follow its last tensor") }
    }
}

private func corrupt(_ file: String, _ reason: String) -> ModelError {
    ModelError(.invalidFile, "\(file) is not a sound safetensors file: \(reason). Download it again.")
}

private func truncated(_ file: String, needs: Int, has: Int) -> ModelError {
    ModelError(
        .truncatedFile,
        "\(file) is truncated: it has \(has) bytes and its header promises \(needs). Download it again."
    )
}
