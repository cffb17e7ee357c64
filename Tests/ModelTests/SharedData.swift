import Foundation
import Model

/// The test data that stands beside the repository, where it does.
enum SharedData {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent()
        .appendingPathComponent("shared/testdata")
        .path

    static let isPresent = FileManager.default.fileExists(atPath: folder)
    static let absence = "needs ../shared/testdata, which is not here"
}

/// A little-endian f32 `.npy` array in row-major order.
struct NumpyArray {
    var shape: [Int]
    var values: [Float]

    init(path: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let headerLength = Int(data[8]) | Int(data[9]) << 8
        let header = String(decoding: data[10..<10 + headerLength], as: UTF8.self)
        guard header.contains("'<f4'"), header.contains("'fortran_order': False"),
            let open = header.firstIndex(of: "("), let close = header.firstIndex(of: ")")
        else { throw NumpyError() }
        self.shape = header[header.index(after: open)..<close].split(separator: ",")
            .compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        let body = Array(data[(10 + headerLength)...])
        self.values = stride(from: 0, to: body.count, by: 4).map { at in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(body[at + $1]) << (8 * UInt32($1)) })
        }
    }

    struct NumpyError: Error {}
}

/// How far one array of numbers is from another, in parts of the other's standard deviation.
struct Difference {
    var largest: Double
    var rootMeanSquare: Double

    init(_ values: some Collection<Float>, from golden: some Collection<Float>) {
        let count = Double(golden.count)
        let mean = golden.reduce(0) { $0 + Double($1) } / count
        let deviation = (golden.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count).squareRoot()
        let errors = zip(values, golden).map { abs(Double($0) - Double($1)) }
        self.largest = (errors.max() ?? 0) / deviation
        self.rootMeanSquare = (errors.reduce(0) { $0 + $1 * $1 } / count).squareRoot() / deviation
    }
}

/// The token that greedy decoding takes: the largest logit, the lowest id among equals.
func greedyToken(_ logits: some RandomAccessCollection<Float>) -> UInt32 {
    var best = logits.startIndex
    for index in logits.indices where logits[index] > logits[best] { best = index }
    return UInt32(logits.distance(from: logits.startIndex, to: best))
}
