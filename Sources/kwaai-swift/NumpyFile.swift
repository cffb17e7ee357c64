import Foundation

/// Writes NumPy's `.npy`, version 1.0: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
enum NumpyFile {
    /// Finds out before hours of work whether their result can be written.
    ///
    /// - Throws: ``UsageError`` when `path` is a folder, or lies in none that can be written.
    static func check(_ path: String) throws(UsageError) {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        guard !(exists && isFolder.boolValue) else {
            throw UsageError("\(path) is a folder: name a file in it, such as \(path)/logits.npy")
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard FileManager.default.isWritableFile(atPath: folder) else {
            let exists = FileManager.default.fileExists(atPath: folder)
            throw UsageError(
                "\(path) cannot be written: the folder \(folder) "
                    + (exists ? "is not yours to write in; name another" : "does not exist; make it first")
            )
        }
    }

    /// - Parameter rows: equally long; written as little-endian f32 of shape [rows, columns].
    static func write(rows: [[Float]], to path: String) throws {
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows.count), \(rows.first?.count ?? 0)), }"
        // Magic, version and header length are 10 bytes; the data begins at a multiple of 64.
        let padding = 63 - (10 + header.utf8.count) % 64
        header += String(repeating: " ", count: padding) + "\n"
        var data = Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0])
        withUnsafeBytes(of: UInt16(header.utf8.count).littleEndian) { data.append(contentsOf: $0) }
        data.append(contentsOf: header.utf8)
        for row in rows {
            for value in row {
                withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
            }
        }
        try data.write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}
