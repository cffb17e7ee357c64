/// Operators bind as in jinja2: `if`/`else`, `or`, `and`, `not`, comparisons, `+ -`, `~`, `* / // %`, `**`, signs, then
/// attributes, calls, filters and tests.
extension Parser {
    mutating func expression(allowsConditional: Bool = true) throws(JinjaError) -> Expression {
        try nested { parser throws(JinjaError) in
            try allowsConditional ? parser.conditionalExpression() : parser.disjunction()
        }
    }

    var isTupleEnd: Bool {
        switch current.kind {
        case .variableEnd, .blockEnd, .symbol(.rightParenthesis): true
        case _: false
        }
    }

    /// One expression, or several with commas between them as a tuple.
    mutating func tuple(
        allowsConditional: Bool = true,
        endsAt end: String? = nil,
        isInParentheses: Bool = false
    ) throws(JinjaError) -> Expression {
        let line = current.line
        var elements: [Expression] = []
        var isTuple = false
        while !isTupleEnd, end.map(isAt(name:)) != true {
            elements.append(try expression(allowsConditional: allowsConditional))
            guard skip(.comma) else { break }
            isTuple = true
        }
        if !isTuple, let only = elements.first { return only }
        guard isTuple || isInParentheses else { throw failure("Expected an expression, got '\(current.kind)'") }
        return try Expression(.tuple(elements), line: line)
    }

    private mutating func conditionalExpression() throws(JinjaError) -> Expression {
        let line = current.line
        var value = try disjunction()
        while skip(name: "if") {
            let condition = try disjunction()
            let otherwise = skip(name: "else") ? try expression() : nil
            value = try Expression(.conditional(value, if: condition, else: otherwise), line: line)
        }
        return value
    }

    private mutating func disjunction() throws(JinjaError) -> Expression {
        var left = try conjunction()
        while isAt(name: "or") {
            let line = current.line
            advance()
            left = try Expression(.or(left, try conjunction()), line: line)
        }
        return left
    }

    private mutating func conjunction() throws(JinjaError) -> Expression {
        var left = try negation()
        while isAt(name: "and") {
            let line = current.line
            advance()
            left = try Expression(.and(left, try negation()), line: line)
        }
        return left
    }

    private mutating func negation() throws(JinjaError) -> Expression {
        let line = current.line
        guard skip(name: "not") else { return try comparison() }
        let operand = try nested { parser throws(JinjaError) in try parser.negation() }
        return try Expression(.not(operand), line: line)
    }

    private mutating func comparison() throws(JinjaError) -> Expression {
        let line = current.line
        let first = try chain(.sum)
        var others: [Expression.Comparison] = []
        while let comparator = comparator() {
            others.append(Expression.Comparison(comparator: comparator, operand: try chain(.sum)))
        }
        return others.isEmpty ? first : try Expression(.comparison(first, others), line: line)
    }

    private mutating func comparator() -> Expression.Comparison.Operator? {
        switch current.kind {
        case .symbol(let symbol):
            guard let comparator = Expression.Comparison.Operator(rawValue: symbol.rawValue) else { return nil }
            advance()
            return comparator
        case .name("in"):
            advance()
            return .isIn
        case .name("not") where next.kind == .name("in"):
            advance()
            advance()
            return .isNotIn
        case _: return nil
        }
    }

    private enum Precedence {
        case sum
        case concatenation
        case product
        case power
    }

    /// Operators of one level, from the left; what stands between them binds tighter.
    private mutating func chain(_ level: Precedence) throws(JinjaError) -> Expression {
        let line = current.line
        switch level {
        case .concatenation:
            var operands = [try chain(.product)]
            while skip(.tilde) { operands.append(try chain(.product)) }
            return operands.count == 1 ? operands[0] : try Expression(.concatenation(operands), line: line)
        case .sum:
            var left = try chain(.concatenation)
            while let (sign, line) = skip([.add, .subtract]) {
                left = try Expression(.arithmetic(sign, left, try chain(.concatenation)), line: line)
            }
            return left
        case .product:
            var left = try chain(.power)
            while let (sign, line) = skip([.multiply, .divide, .floorDivide, .modulo]) {
                left = try Expression(.arithmetic(sign, left, try chain(.power)), line: line)
            }
            return left
        case .power:
            var left = try unary()
            while let (sign, line) = skip([.power]) {
                left = try Expression(.arithmetic(sign, left, try unary()), line: line)
            }
            return left
        }
    }

    private mutating func skip(_ operators: [Expression.Arithmetic]) -> (Expression.Arithmetic, line: Int)? {
        guard case .symbol(let symbol) = current.kind, let sign = Expression.Arithmetic(rawValue: symbol.rawValue),
            operators.contains(sign)
        else { return nil }
        defer { advance() }
        return (sign, current.line)
    }

    // MARK: - One operand

    private mutating func unary(takesFilters: Bool = true) throws(JinjaError) -> Expression {
        let line = current.line
        var value: Expression
        if isAt(.subtract) || isAt(.add) {
            let isNegative = isAt(.subtract)
            advance()
            let operand = try nested { parser throws(JinjaError) in try parser.unary(takesFilters: false) }
            value = try Expression(isNegative ? .negative(operand) : .positive(operand), line: line)
        } else {
            value = try primary()
        }
        value = try postfix(of: value)
        return takesFilters ? try filtersAndTests(of: value) : value
    }

    private mutating func primary() throws(JinjaError) -> Expression {
        let token = current
        let kind: Expression.Kind
        switch token.kind {
        case .name(let name):
            advance()
            kind = nameOrConstant(name)
        case .string(var text):
            advance()
            while case .string(let more) = current.kind {
                text += more
                advance()
            }
            kind = .literal(.string(text))
        case .integer(let value):
            advance()
            kind = .literal(.integer(value))
        case .float(let value):
            advance()
            kind = .literal(.float(value))
        case .symbol(.leftParenthesis):
            advance()
            let inner = try tuple(isInParentheses: true)
            try expect(.symbol(.rightParenthesis))
            return inner
        case .symbol(.leftBracket): kind = .list(try elements())
        case .symbol(.leftBrace): kind = .dictionary(try pairs())
        case _: throw failure("unexpected '\(token.kind)'")
        }
        return try Expression(kind, line: token.line)
    }

    private mutating func nameOrConstant(_ name: String) -> Expression.Kind {
        switch name {
        case "true", "True": return .literal(.boolean(true))
        case "false", "False": return .literal(.boolean(false))
        case "none", "None": return .literal(.none)
        case _:
            if let innermost = specialNames.indices.last, ["varargs", "kwargs", "caller"].contains(name) {
                specialNames[innermost].insert(name)
            }
            return .name(name)
        }
    }

    private mutating func elements() throws(JinjaError) -> [Expression] {
        advance()
        var elements: [Expression] = []
        while !isAt(.rightBracket) {
            if !elements.isEmpty { try expect(.symbol(.comma)) }
            if isAt(.rightBracket) { break }
            elements.append(try expression())
        }
        advance()
        return elements
    }

    private mutating func pairs() throws(JinjaError) -> [Expression.Pair] {
        advance()
        var pairs: [Expression.Pair] = []
        while !isAt(.rightBrace) {
            if !pairs.isEmpty { try expect(.symbol(.comma)) }
            if isAt(.rightBrace) { break }
            let key = try expression()
            try expect(.symbol(.colon))
            pairs.append(Expression.Pair(key: key, value: try expression()))
        }
        advance()
        return pairs
    }

    // MARK: - What follows an operand

    private mutating func postfix(of base: Expression) throws(JinjaError) -> Expression {
        var value = base
        while true {
            let line = current.line
            switch current.kind {
            case .symbol(.dot): value = try attribute(of: value)
            case .symbol(.leftBracket): value = try element(of: value)
            case .symbol(.leftParenthesis): value = try Expression(.call(value, try arguments()), line: line)
            case _: return value
            }
        }
    }

    private mutating func attribute(of base: Expression) throws(JinjaError) -> Expression {
        let line = current.line
        advance()
        defer { advance() }
        switch current.kind {
        case .name(let name): return try Expression(.attribute(base, name), line: line)
        case .integer(let index):
            return try Expression(.element(base, try Expression(.literal(.integer(index)), line: line)), line: line)
        case _: throw failure("expected name or number")
        }
    }

    private mutating func element(of base: Expression) throws(JinjaError) -> Expression {
        let line = current.line
        advance()
        var bounds: [Expression?] = [nil]
        while !isAt(.rightBracket) {
            if skip(.colon) {
                bounds.append(nil)
            } else {
                guard bounds[bounds.count - 1] == nil else {
                    throw failure("expected token ']', got '\(current.kind)'")
                }
                bounds[bounds.count - 1] = try expression()
            }
        }
        advance()
        switch bounds.count {
        case 1:
            guard let index = bounds[0] else { throw failure("expected subscript expression", line: line) }
            return try Expression(.element(base, index), line: line)
        case 2, 3:
            let step = bounds.count == 3 ? bounds[2] : nil
            return try Expression(.slice(base, from: bounds[0], to: bounds[1], step: step), line: line)
        case _: throw failure("a slice has at most three parts", line: line)
        }
    }

    private mutating func arguments() throws(JinjaError) -> Expression.Arguments {
        let line = current.line
        advance()
        var arguments = Expression.Arguments()
        var isFirst = true
        func ensure(_ isFine: Bool) throws(JinjaError) {
            if !isFine { throw failure("invalid syntax for function call expression", line: line) }
        }
        while !isAt(.rightParenthesis) {
            if !isFirst { try expect(.symbol(.comma)) }
            if isAt(.rightParenthesis) { break }
            isFirst = false
            if skip(.multiply) {
                try ensure(arguments.list == nil && arguments.dictionary == nil)
                arguments.list = try expression()
            } else if skip(.power) {
                try ensure(arguments.dictionary == nil)
                arguments.dictionary = try expression()
            } else if case .name(let name) = current.kind, next.kind == .symbol(.assign) {
                try ensure(arguments.dictionary == nil)
                advance()
                advance()
                arguments.keywords.append(Expression.Arguments.Keyword(name: name, value: try expression()))
            } else {
                try ensure(arguments.keywords.isEmpty && arguments.list == nil && arguments.dictionary == nil)
                arguments.positional.append(try expression())
            }
        }
        advance()
        return arguments
    }

    // MARK: - Filters and tests

    private mutating func filtersAndTests(of base: Expression) throws(JinjaError) -> Expression {
        var value = base
        while true {
            let line = current.line
            switch current.kind {
            case .symbol(.pipe): value = try filters(of: value)
            case .name("is"): value = try test(of: value)
            case .symbol(.leftParenthesis): value = try Expression(.call(value, try arguments()), line: line)
            case _: return value
            }
        }
    }

    /// `| name(…)`, any number of times.
    mutating func filters(of base: Expression) throws(JinjaError) -> Expression {
        var value = base
        while skip(.pipe) { value = try filter(of: value) }
        return value
    }

    /// `name(…)`
    mutating func filter(of input: Expression) throws(JinjaError) -> Expression {
        let line = current.line
        let name = try dottedName()
        let arguments = isAt(.leftParenthesis) ? try self.arguments() : Expression.Arguments()
        return try Expression(.filter(input, name, arguments), line: line)
    }

    private mutating func dottedName() throws(JinjaError) -> String {
        var name = try expectName()
        while skip(.dot) { name += "." + (try expectName()) }
        return name
    }

    private mutating func test(of value: Expression) throws(JinjaError) -> Expression {
        let line = current.line
        advance()
        let isNegated = skip(name: "not")
        let name = try dottedName()
        let arguments = try testArguments()
        let test = try Expression(.test(value, name, arguments), line: line)
        return isNegated ? try Expression(.not(test), line: line) : test
    }

    /// In parentheses, or one operand without them: `x is divisibleby 3`.
    private mutating func testArguments() throws(JinjaError) -> Expression.Arguments {
        switch current.kind {
        case .symbol(.leftParenthesis): return try arguments()
        case .name("else"), .name("or"), .name("and"): return Expression.Arguments()
        case .name("is"): throw failure("You cannot chain multiple tests with is")
        case .name, .string, .integer, .float, .symbol(.leftBracket), .symbol(.leftBrace):
            let operand = try nested { parser throws(JinjaError) in try parser.postfix(of: try parser.primary()) }
            return Expression.Arguments(positional: [operand])
        case _: return Expression.Arguments()
        }
    }
}
