/// A flag, a setting or a variable has a value that cannot be used.
struct UsageError: Error, CustomStringConvertible {
    /// What is wrong, and what to write instead.
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
