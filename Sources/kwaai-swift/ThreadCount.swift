import ArgumentParser

/// How many threads share each product.
struct ThreadCount: ExpressibleByArgument {
    let count: Int

    /// More than any machine has cores; a slip of the finger would otherwise start thousands.
    private static let maximum = 256

    init?(argument: String) {
        guard let count = Int(argument), (1...Self.maximum).contains(count) else { return nil }
        self.count = count
    }
}
