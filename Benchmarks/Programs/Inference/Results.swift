import Foundation

/// What one subject did with one number of threads. Rates are per second.
struct Result: Codable {
    var subject: String
    var threads: Int
    /// Bytes that the same threads read of the same file.
    var readRate: Double
    /// Bytes of weights that one decode step reads.
    var weightBytes: Int
    var decode: Double
    var prefill: Double
    /// Multiplications and additions of weights for one token of a prefill, which computes logits for the last only.
    var prefillOperations: Int
    var context: Double?
    var batch: Double?
    var reference: Reference?

    struct Reference: Codable {
        var decode: Double
        var prefill: Double
        var context: Double?
    }
}

/// The f32 product of a shape, in operations per second.
struct ProductResult: Codable {
    var shape: String
    var threads: Int
    var rate: Double
    var openBLAS: Double?
}

struct Results: Codable {
    /// Fused multiply-adds in f32, in operations per second, by number of threads.
    var operationRates: [Int: Double] = [:]
    var products: [ProductResult] = []
    var subjects: [Result] = []

    func printAsJSON() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        print(String(decoding: try encoder.encode(self), as: UTF8.self))
    }

    func printAsTables() {
        print("| f32 product | threads | GFLOP/s | of the limit | OpenBLAS | ratio |\n|---|---|---|---|---|---|")
        for product in self.products {
            let limit = self.operationRates[product.threads]
            print(
                row(
                    product.shape,
                    "\(product.threads)",
                    giga(product.rate),
                    share(product.rate, of: limit),
                    product.openBLAS.map(giga),
                    ratio(product.rate, to: product.openBLAS)
                )
            )
        }
        guard !self.subjects.isEmpty else { return }
        print("\n| model | threads | read GB/s | decode tokens/s | of the reading | llama.cpp | ratio ", terminator: "")
        print("| prefill tokens/s | of the arithmetic | llama.cpp | ratio | long context | llama.cpp | ratio | batch |")
        print("|" + String(repeating: "---|", count: 15))
        for result in self.subjects { print(self.line(result)) }
    }

    private func line(_ result: Result) -> String {
        let reference = result.reference
        let operations = Double(result.prefillOperations) * result.prefill
        return row(
            result.subject,
            "\(result.threads)",
            giga(result.readRate),
            tenths(result.decode),
            share(result.decode * Double(result.weightBytes), of: result.readRate),
            reference.map { tenths($0.decode) },
            ratio(result.decode, to: reference?.decode),
            tenths(result.prefill),
            share(operations, of: self.operationRates[result.threads]),
            reference.map { tenths($0.prefill) },
            ratio(result.prefill, to: reference?.prefill),
            result.context.map(tenths),
            reference?.context.map(tenths),
            result.context.flatMap { ratio($0, to: reference?.context) },
            result.batch.map { "\(tenths($0)) (\(ratio($0, to: result.decode) ?? ""))" }
        )
    }
}

private func row(_ cells: String?...) -> String { "| " + cells.map { $0 ?? "" }.joined(separator: " | ") + " |" }

private func tenths(_ x: Double) -> String { String(format: "%.1f", x) }

private func giga(_ x: Double) -> String { tenths(x / 1e9) }

private func share(_ x: Double, of limit: Double?) -> String? {
    limit.map { String(format: "%.0f %%", 100 * x / $0) }
}

private func ratio(_ x: Double, to other: Double?) -> String? {
    other.map { String(format: "%.2f ×", x / $0) }
}
