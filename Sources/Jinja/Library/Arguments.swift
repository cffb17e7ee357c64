/// Binding the arguments of functions, filters and methods to parameters, as Python does.
extension Renderer {
    /// The argument of each parameter; nil where none was given.
    ///
    /// - Throws: `type` for what no parameter takes, and for a parameter given twice.
    func bind(_ arguments: CallArguments, to names: [String], of function: String) throws(JinjaError) -> [Value?] {
        guard arguments.positional.count <= names.count else {
            let (most, given) = (names.count, arguments.positional.count)
            throw .type("\(function)() takes at most \(most) argument\(most == 1 ? "" : "s") (\(given) given)")
        }
        var values: [Value?] = arguments.positional
        values += [Value?](repeating: nil, count: names.count - arguments.positional.count)
        for keyword in arguments.keywords {
            guard let index = names.firstIndex(of: keyword.name) else {
                throw .type("\(function)() got an unexpected keyword argument '\(keyword.name)'")
            }
            guard values[index] == nil else {
                throw .type("\(function)() got multiple values for argument '\(keyword.name)'")
            }
            values[index] = keyword.value
        }
        return values
    }

    /// - Throws: `type` when it was not given.
    func required(_ value: Value?, _ name: String, of function: String) throws(JinjaError) -> Value {
        guard let value else { throw .type("\(function)() missing 1 required positional argument: '\(name)'") }
        return value
    }

    /// A text, or nil where none was given or it is None.
    func optionalText(_ value: Value?, of function: String) throws(JinjaError) -> String? {
        switch value {
        case nil, .some(.none): return nil
        case .some(let value): return try requiredText(value, of: function)
        }
    }

    func requiredText(_ value: Value, of function: String) throws(JinjaError) -> String {
        if case .undefined(let undefined) = value { throw undefined.error }
        guard let text = value.string else { throw .type("\(function) needs a str, not '\(value.typeName)'") }
        return text
    }

    /// An integer, or `fallback` where none was given.
    func integer(_ value: Value?, or fallback: Int, of function: String) throws(JinjaError) -> Int {
        guard let value else { return fallback }
        if case .undefined(let undefined) = value { throw undefined.error }
        guard let number = value.integer else {
            throw .type("'\(value.typeName)' object cannot be interpreted as an integer")
        }
        return number
    }

    /// A width that may be asked for, counted as if so much text were made; what is negative is none.
    func checkedWidth(_ width: Int) throws(JinjaError) -> Int {
        guard width <= Limits.formatWidth else { throw .tooLarge("a width of \(width) is asked for") }
        try budget.take(textBytes: max(0, width))
        return max(0, width)
    }
}
