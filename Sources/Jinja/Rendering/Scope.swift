/// The names that a part of a template can see: its own, then those of what it stands in.
final class Scope {
    private(set) var variables: [String: Value]
    private let parent: Scope?

    init(parent: Scope?, variables: [String: Value] = [:]) {
        self.parent = parent
        self.variables = variables
    }

    subscript(name: String) -> Value? {
        var scope: Scope? = self
        while let current = scope {
            if let value = current.variables[name] { return value }
            scope = current.parent
        }
        return nil
    }

    func set(_ name: String, to value: Value) { variables[name] = value }

    func clear() { variables = [:] }
}
