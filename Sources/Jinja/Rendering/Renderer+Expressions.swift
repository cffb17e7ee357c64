/// The arguments of a call, as values.
struct CallArguments {
    typealias Keyword = (name: String, value: Value)

    var positional: [Value] = []
    var keywords: [Keyword] = []
}

// MARK: - Expressions

extension Renderer {
    func evaluate(_ expression: Expression) throws(JinjaError) -> Value {
        try nested(at: expression.line) { () throws(JinjaError) in try value(of: expression) }
    }

    // One function for each group, never inlined: what all of them need of the stack would otherwise be needed at every
    // level of recursion.

    private func value(of expression: Expression) throws(JinjaError) -> Value {
        switch expression.kind {
        case .literal(let literal): value(of: literal)
        case .name(let name): variable(name)
        case .capturedText: .string(capturedText)
        case .list, .tuple, .dictionary, .concatenation: try collection(expression)
        case .attribute, .element, .slice: try part(expression)
        case .call, .filter, .test: try application(expression)
        case .negative, .positive, .not, .arithmetic, .comparison: try operation(expression)
        case .and, .or, .conditional: try choice(expression)
        }
    }

    @inline(never)
    private func collection(_ expression: Expression) throws(JinjaError) -> Value {
        switch expression.kind {
        case .list(let elements): try list(try evaluate(elements))
        case .tuple(let elements): .tuple(try counted(try evaluate(elements)))
        case .dictionary(let pairs): try dictionary(pairs)
        case .concatenation(let operands): try concatenation(operands)
        case _: .none
        }
    }

    @inline(never)
    private func part(_ expression: Expression) throws(JinjaError) -> Value {
        switch expression.kind {
        case .attribute(let base, let name): try attribute(name, of: try evaluate(base))
        case .element(let base, let index): try element(try evaluate(index), of: try evaluate(base))
        case .slice(let base, let from, let to, let step): try slice(base, from: from, to: to, step: step)
        case _: .none
        }
    }

    @inline(never)
    private func application(_ expression: Expression) throws(JinjaError) -> Value {
        switch expression.kind {
        case .call(let function, let arguments): try call(try evaluate(function), try evaluate(arguments))
        case .filter(let input, let name, let arguments):
            try filter(name, try evaluate(input), try evaluate(arguments))
        case .test(let value, let name, let arguments):
            .boolean(try test(name, try evaluate(value), try evaluate(arguments)))
        case _: .none
        }
    }

    @inline(never)
    private func operation(_ expression: Expression) throws(JinjaError) -> Value {
        switch expression.kind {
        case .negative(let operand): try negative(try evaluate(operand))
        case .positive(let operand): try positive(try evaluate(operand))
        case .not(let operand): .boolean(!(try evaluate(operand).isTrue))
        case .arithmetic(let sign, let left, let right): try compute(sign, try evaluate(left), try evaluate(right))
        case .comparison(let first, let others): .boolean(try compare(first, others))
        case _: .none
        }
    }

    @inline(never)
    private func choice(_ expression: Expression) throws(JinjaError) -> Value {
        switch expression.kind {
        case .and(let left, let right): try either(left, right, endsAt: false)
        case .or(let left, let right): try either(left, right, endsAt: true)
        case .conditional(let value, let condition, let otherwise):
            try conditional(value, if: condition, else: otherwise)
        case _: .none
        }
    }

    private func value(of literal: Expression.Literal) -> Value {
        switch literal {
        case .none: .none
        case .boolean(let value): .boolean(value)
        case .integer(let value): .integer(value)
        case .float(let value): .float(value)
        case .string(let text): .string(text)
        }
    }

    private func variable(_ name: String) -> Value {
        scope[name] ?? Self.global(name) ?? .undefined(Undefined(message: "'\(name)' is undefined"))
    }

    private func evaluate(_ expressions: [Expression]) throws(JinjaError) -> [Value] {
        try expressions.map { expression throws(JinjaError) in try evaluate(expression) }
    }

    private func dictionary(_ pairs: [Expression.Pair]) throws(JinjaError) -> Value {
        var mapping = Mapping()
        for pair in pairs {
            let name = try evaluate(pair.key)
            mapping.set(name, at: try key(name), to: try evaluate(pair.value))
        }
        return try dictionary(mapping)
    }

    /// The operand that decides, as Python's `and` and `or` give it.
    private func either(_ left: Expression, _ right: Expression, endsAt end: Bool) throws(JinjaError) -> Value {
        let first = try evaluate(left)
        return first.isTrue == end ? first : try evaluate(right)
    }

    private func conditional(
        _ value: Expression,
        if condition: Expression,
        else otherwise: Expression?
    ) throws(JinjaError) -> Value {
        if try evaluate(condition).isTrue { return try evaluate(value) }
        if let otherwise { return try evaluate(otherwise) }
        let message = "the inline if-expression on line \(line) evaluated to false and no else section was defined."
        return .undefined(Undefined(message: message))
    }

    private func concatenation(_ operands: [Expression]) throws(JinjaError) -> Value {
        var result = ""
        for operand in operands { result += try text(of: try evaluate(operand)) }
        return try string(result)
    }

    private func compare(_ first: Expression, _ others: [Expression.Comparison]) throws(JinjaError) -> Bool {
        var left = try evaluate(first)
        for other in others {
            let right = try evaluate(other.operand)
            guard try compare(left, other.comparator, right) else { return false }
            left = right
        }
        return true
    }

    private func slice(
        _ base: Expression,
        from: Expression?,
        to: Expression?,
        step: Expression?
    ) throws(JinjaError) -> Value {
        let value = try evaluate(base)
        var bounds: [Int?] = []
        for bound in [from, to, step] {
            guard let bound else {
                bounds.append(nil)
                continue
            }
            switch try evaluate(bound) {
            case .none: bounds.append(nil)
            case let index:
                // jinja2 takes Python's refusal for an element that is not there.
                guard let index = index.integer else {
                    return .undefined(Undefined(message: "\(value.objectName) has no such slice"))
                }
                bounds.append(index)
            }
        }
        return try slice(value, from: bounds[0], to: bounds[1], step: bounds[2] ?? 1)
    }

    func evaluate(_ arguments: Expression.Arguments) throws(JinjaError) -> CallArguments {
        var values = CallArguments(positional: try evaluate(arguments.positional))
        for keyword in arguments.keywords {
            values.keywords.append((name: keyword.name, value: try evaluate(keyword.value)))
        }
        if let list = arguments.list { values.positional += try elements(of: try evaluate(list)) }
        if let dictionary = arguments.dictionary {
            guard case .dictionary(let mapping) = try evaluate(dictionary) else {
                throw .type("argument after ** must be a mapping")
            }
            for pair in mapping.pairs {
                guard let name = pair.key.string else { throw .type("keywords must be strings") }
                values.keywords.append((name: name, value: pair.value))
            }
        }
        return values
    }
}

// MARK: - Making values, counted

extension Renderer {
    func string(_ text: String) throws(JinjaError) -> Value {
        try budget.take(textBytes: text.utf8.count)
        return .string(text)
    }

    func counted(_ elements: [Value]) throws(JinjaError) -> List {
        try budget.take(elements: elements.count)
        let list = List(elements)
        try checkDepth(list.depth)
        return list
    }

    func list(_ elements: [Value]) throws(JinjaError) -> Value { .list(try counted(elements)) }

    func generator(_ elements: [Value], typeName: String = "generator") throws(JinjaError) -> Value {
        .generator(Generator(try counted(elements), typeName: typeName))
    }

    func dictionary(_ mapping: Mapping) throws(JinjaError) -> Value {
        try budget.take(elements: 2 * mapping.count)
        try checkDepth(mapping.depth)
        return .dictionary(mapping)
    }

    /// - Throws: `type` for what Python cannot hash.
    func key(_ value: Value) throws(JinjaError) -> Key {
        try budget.take(textBytes: value.string?.utf8.count ?? 0)
        if case .tuple(let list) = value {
            for element in list.elements { _ = try key(element) }
        }
        return try Key(value)
    }

    private func checkDepth(_ depth: Int) throws(JinjaError) {
        guard depth <= Limits.valueDepth else {
            throw .tooLarge("values are nested deeper than \(Limits.valueDepth)")
        }
    }

    /// What iterating over a value gives.
    ///
    /// - Throws: `type` when it cannot be iterated.
    func elements(of value: Value) throws(JinjaError) -> [Value] {
        switch value {
        case .list(let list), .tuple(let list): return list.elements
        case .dictionary(let mapping): return mapping.keys
        case .view(let view): return view.list.elements
        case .generator(let generator): return generator.drain()
        case .undefined: return []
        case .string(let text):
            try budget.take(elements: text.unicodeScalars.count)
            return text.unicodeScalars.map { .string(String($0)) }
        case .none, .boolean, .integer, .float, .namespace, .loop, .callable:
            throw .type("'\(value.typeName)' object is not iterable")
        }
    }
}
