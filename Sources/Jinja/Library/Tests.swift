/// What stands behind `is`.
extension Renderer {
    /// - Throws: `unsupported` for a test that is not known.
    func test(_ name: String, _ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Bool {
        if let comparator = Self.comparators[name] {
            let given = try bind(arguments, to: ["other"], of: name)
            return try compare(value, comparator, try required(given[0], "other", of: name))
        }
        switch name {
        case "divisibleby":
            let given = try bind(arguments, to: ["num"], of: name)
            return try isDivisible(value, by: try required(given[0], "num", of: name), rest: 0)
        case "sameas":
            let given = try bind(arguments, to: ["other"], of: name)
            return try isSame(value, try required(given[0], "other", of: name))
        case _:
            _ = try bind(arguments, to: [], of: name)
            return try test(name, value)
        }
    }

    private static let comparators: [String: Expression.Comparison.Operator] = [
        "==": .equal, "eq": .equal, "equalto": .equal, "!=": .notEqual, "ne": .notEqual,
        ">": .greater, "gt": .greater, "greaterthan": .greater, ">=": .atLeast, "ge": .atLeast,
        "<": .less, "lt": .less, "lessthan": .less, "<=": .atMost, "le": .atMost, "in": .isIn,
    ]

    private static let plainTests: Set<String> = [
        "boolean", "callable", "defined", "escaped", "even", "false", "filter", "float", "integer", "iterable", "lower",
        "mapping", "none", "number", "odd", "sequence", "string", "test", "true", "undefined", "upper",
    ]

    private static func isTest(_ name: String) -> Bool {
        comparators[name] != nil || plainTests.contains(name) || ["divisibleby", "sameas"].contains(name)
    }

    private func test(_ name: String, _ value: Value) throws(JinjaError) -> Bool {
        switch (name, value) {
        case ("defined", .undefined): return false
        case ("defined", _): return true
        case ("undefined", .undefined): return true
        case ("none", .none): return true
        case ("boolean", .boolean): return true
        case ("true", .boolean(let flag)): return flag
        case ("false", .boolean(let flag)): return !flag
        case ("integer", .integer): return true
        case ("float", .float): return true
        case ("number", .boolean), ("number", .integer), ("number", .float): return true
        case ("string", .string): return true
        case ("mapping", .dictionary): return true
        case ("sequence", _): return isSequence(value)
        case ("iterable", _): return isIterable(value)
        case ("callable", .callable), ("callable", .loop), ("callable", .undefined): return true
        case ("odd", _): return try isDivisible(value, by: .integer(2), rest: 1)
        case ("even", _): return try isDivisible(value, by: .integer(2), rest: 0)
        case ("lower", _): return try text(of: value).hasCase(\.isLowercase)
        case ("upper", _): return try text(of: value).hasCase(\.isUppercase)
        case ("filter", _): return value.string.map(Self.filters.contains) ?? false
        case ("test", _): return value.string.map(Self.isTest) ?? false
        case _:
            guard Self.plainTests.contains(name) else { throw .unsupported("No test named '\(name)'.") }
            return false
        }
    }

    private func isSequence(_ value: Value) -> Bool {
        switch value {
        case .list, .tuple, .string, .dictionary: true
        case .view(let view): view.kind == .range
        // jinja2 asks for `__len__` and `__getitem__`, and its Undefined has both.
        case .undefined: true
        case .none, .boolean, .integer, .float, .generator, .namespace, .loop, .callable: false
        }
    }

    private func isIterable(_ value: Value) -> Bool {
        switch value {
        case .list, .tuple, .string, .dictionary, .view, .generator, .undefined, .loop: true
        case .none, .boolean, .integer, .float, .namespace, .callable: false
        }
    }

    private func isDivisible(_ value: Value, by divisor: Value, rest: Int) throws(JinjaError) -> Bool {
        try isEqual(try compute(.modulo, value, divisor), .integer(rest))
    }

    /// Identity as far as values have one: constants and small integers are the same where they are equal.
    private func isSame(_ left: Value, _ right: Value) throws(JinjaError) -> Bool {
        switch (left, right) {
        case (.none, .none): true
        case (.boolean(let left), .boolean(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.string(let left), .string(let right)): left.hasSameBytes(as: right)
        case (.namespace, .namespace), (.generator, .generator), (.loop, .loop): try isEqual(left, right)
        case _: false
        }
    }
}
