/// Arithmetic and comparison with Python's meaning.
extension Renderer {
    func negative(_ value: Value) throws(JinjaError) -> Value {
        switch value {
        case .undefined(let undefined): throw undefined.error
        case .float(let number): return .float(-number)
        case _:
            guard let number = value.integer else { throw .type("bad operand type for unary -: '\(value.typeName)'") }
            let (result, overflows) = Int(0).subtractingReportingOverflow(number)
            if overflows { throw .integerOverflow }
            return .integer(result)
        }
    }

    func positive(_ value: Value) throws(JinjaError) -> Value {
        switch value {
        case .undefined(let undefined): throw undefined.error
        case .float: return value
        case _:
            guard let number = value.integer else { throw .type("bad operand type for unary +: '\(value.typeName)'") }
            return .integer(number)
        }
    }

    func compute(_ sign: Expression.Arithmetic, _ left: Value, _ right: Value) throws(JinjaError) -> Value {
        // Python formats a string before it looks at the right operand's kind.
        if sign == .modulo, case .string(let format) = left { return try self.format(format, with: right) }
        if case .undefined(let undefined) = left { throw undefined.error }
        if case .undefined(let undefined) = right { throw undefined.error }
        if let left = left.integer, let right = right.integer { return try compute(sign, left, right) }
        if let left = left.double, let right = right.double { return .float(try Self.compute(sign, left, right)) }
        switch (sign, left, right) {
        case (.add, .string(let left), .string(let right)):
            try budget.take(textBytes: left.utf8.count + right.utf8.count)
            return .string(left + right)
        case (.add, .list(let left), .list(let right)): return try list(left.elements + right.elements)
        case (.add, .tuple(let left), .tuple(let right)):
            return .tuple(try counted(left.elements + right.elements))
        case (.multiply, _, _):
            if let count = right.integer, let result = try repeated(left, count) { return result }
            if let count = left.integer, let result = try repeated(right, count) { return result }
        case _: break
        }
        throw Self.cannotCompute(sign, left, right)
    }

    private static func cannotCompute(_ sign: Expression.Arithmetic, _ left: Value, _ right: Value) -> JinjaError {
        switch (sign, left) {
        case (.add, .string), (.add, .list), (.add, .tuple):
            let kind = left.typeName
            return .type("can only concatenate \(kind) (not \"\(right.typeName)\") to \(kind)")
        case _:
            let operation = sign == .power ? "** or pow()" : sign.rawValue
            return .type("unsupported operand type(s) for \(operation): '\(left.typeName)' and '\(right.typeName)'")
        }
    }

    /// A text or a list, so many times; nil for what cannot be repeated.
    private func repeated(_ value: Value, _ times: Int) throws(JinjaError) -> Value? {
        let times = max(0, times)
        func count(_ size: Int) -> Int {
            let (total, overflows) = size.multipliedReportingOverflow(by: times)
            return overflows ? .max : total
        }
        switch value {
        case .string(let text):
            try budget.take(textBytes: count(text.utf8.count))
            return .string(String(repeating: text, count: text.isEmpty ? 0 : times))
        case .list(let list), .tuple(let list):
            try budget.take(elements: count(list.elements.count))
            let copies = list.elements.isEmpty ? 0 : times
            let result = List(Array(repeatElement(list.elements, count: copies).joined()))
            if case .list = value { return .list(result) }
            return .tuple(result)
        case _: return nil
        }
    }

    private func compute(_ sign: Expression.Arithmetic, _ left: Int, _ right: Int) throws(JinjaError) -> Value {
        let result: (partialValue: Int, overflow: Bool)
        switch sign {
        case .add: result = left.addingReportingOverflow(right)
        case .subtract: result = left.subtractingReportingOverflow(right)
        case .multiply: result = left.multipliedReportingOverflow(by: right)
        case .divide:
            guard right != 0 else { throw .arithmetic("division by zero") }
            return .float(Double(left) / Double(right))
        case .floorDivide:
            guard right != 0 else { throw .arithmetic("integer division or modulo by zero") }
            result = left.dividedReportingOverflow(by: right)
            let isInexact = left % (right == -1 ? 1 : right) != 0
            if isInexact, (left < 0) != (right < 0) { return .integer(result.partialValue - 1) }
        case .modulo:
            guard right != 0 else { throw .arithmetic("integer modulo by zero") }
            let remainder = right == -1 ? 0 : left % right
            return .integer(remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder)
        case .power: return try Self.power(left, right)
        }
        if result.overflow { throw .integerOverflow }
        return .integer(result.partialValue)
    }

    private static func power(_ base: Int, _ exponent: Int) throws(JinjaError) -> Value {
        guard exponent >= 0 else {
            guard base != 0 else { throw .arithmetic("0.0 cannot be raised to a negative power") }
            return .float(try power(Double(base), Double(exponent)))
        }
        var (result, square, rest) = (1, base, exponent)
        while rest > 0 {
            if rest & 1 == 1 {
                let (product, overflows) = result.multipliedReportingOverflow(by: square)
                if overflows { throw .integerOverflow }
                result = product
            }
            rest >>= 1
            guard rest > 0 else { break }
            let (product, overflows) = square.multipliedReportingOverflow(by: square)
            if overflows { throw .integerOverflow }
            square = product
        }
        return .integer(result)
    }

    private static func compute(_ sign: Expression.Arithmetic, _ left: Double, _ right: Double) throws(JinjaError)
        -> Double
    {
        switch sign {
        case .add: return left + right
        case .subtract: return left - right
        case .multiply: return left * right
        case .power: return try power(left, right)
        case .divide:
            guard right != 0 else { throw .arithmetic("float division by zero") }
            return left / right
        case .floorDivide:
            guard right != 0 else { throw .arithmetic("float floor division by zero") }
            return ((left - modulo(left, right)) / right).rounded()
        case .modulo:
            guard right != 0 else { throw .arithmetic("float modulo") }
            return modulo(left, right)
        }
    }

    private static func modulo(_ left: Double, _ right: Double) -> Double {
        let remainder = left.truncatingRemainder(dividingBy: right)
        if remainder == 0 { return right < 0 ? -0.0 : 0 }
        return (remainder < 0) != (right < 0) ? remainder + right : remainder
    }

    /// Whole exponents only, by squaring, which is exact wherever the result is.
    private static func power(_ base: Double, _ exponent: Double) throws(JinjaError) -> Double {
        if exponent == 0.5 { return base.squareRoot() }
        guard let whole = Int(exactly: exponent), whole.magnitude < 4096 else {
            throw .unsupported("powers with the exponent \(FloatText.shortest(exponent)) are not known here")
        }
        guard base != 0 || whole >= 0 else { throw .arithmetic("0.0 cannot be raised to a negative power") }
        var result = 1.0
        for _ in 0..<whole.magnitude { result *= base }
        guard result.isFinite || !base.isFinite else { throw .arithmetic("(34, 'Numerical result out of range')") }
        return whole < 0 ? 1 / result : result
    }
}

// MARK: - Comparison

extension Renderer {
    func compare(
        _ left: Value,
        _ comparator: Expression.Comparison.Operator,
        _ right: Value
    ) throws(JinjaError) -> Bool {
        switch comparator {
        case .equal: try isEqual(left, right)
        case .notEqual: !(try isEqual(left, right))
        case .less: try isLess(left, right, sign: comparator)
        case .greater: try isLess(right, left, sign: comparator)
        case .atMost: try isAtMost(left, right, sign: comparator)
        case .atLeast: try isAtMost(right, left, sign: comparator)
        case .isIn: try contains(right, left)
        case .isNotIn: !(try contains(right, left))
        }
    }

    func isEqual(_ left: Value, _ right: Value) throws(JinjaError) -> Bool {
        try budget.takeStep()
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let left), .string(let right)):
            guard left.utf8.count == right.utf8.count else { return false }
            try budget.take(textBytes: left.utf8.count)
            return left.hasSameBytes(as: right)
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            return try areEqual(left.elements, right.elements)
        case (.view(let left), .view(let right)):
            return left.kind == right.kind && left.kind != .values
                ? try areEqual(left.list.elements, right.list.elements) : false
        case (.dictionary(let left), .dictionary(let right)):
            guard left.count == right.count else { return false }
            for pair in left.pairs {
                guard let other = right[try Key(pair.key)], try isEqual(pair.value, other) else { return false }
            }
            return true
        case (.generator(let left), .generator(let right)): return left === right
        case (.namespace(let left), .namespace(let right)): return left === right
        case (.loop(let left), .loop(let right)): return left === right
        case _:
            if let left = left.integer, let right = right.integer { return left == right }
            if let left = left.double, let right = right.double { return left == right }
            return false
        }
    }

    private func areEqual(_ left: [Value], _ right: [Value]) throws(JinjaError) -> Bool {
        guard left.count == right.count else { return false }
        for (left, right) in zip(left, right) { if !(try isEqual(left, right)) { return false } }
        return true
    }

    /// - Parameter sign: what the template wrote, for the message.
    func isLess(
        _ left: Value,
        _ right: Value,
        sign: Expression.Comparison.Operator = .less
    ) throws(JinjaError) -> Bool {
        try budget.takeStep()
        switch (left, right) {
        case (.undefined(let undefined), _), (_, .undefined(let undefined)): throw undefined.error
        case (.string(let left), .string(let right)):
            try budget.take(textBytes: min(left.utf8.count, right.utf8.count))
            return left.precedes(right)
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (left, right) in zip(left.elements, right.elements) where !(try isEqual(left, right)) {
                return try isLess(left, right, sign: sign)
            }
            return left.elements.count < right.elements.count
        case _:
            if let left = left.integer, let right = right.integer { return left < right }
            if let left = left.double, let right = right.double { return left < right }
            let isTurned = sign == .greater || sign == .atLeast
            let (first, second) = isTurned ? (right, left) : (left, right)
            throw .type(
                "'\(sign.rawValue)' not supported between instances of '\(first.typeName)' and '\(second.typeName)'"
            )
        }
    }

    private func isAtMost(
        _ left: Value,
        _ right: Value,
        sign: Expression.Comparison.Operator
    ) throws(JinjaError) -> Bool {
        // Not the negation of the other way round: nothing compares with a NaN.
        let isLess = try isLess(left, right, sign: sign)
        if isLess { return true }
        return try isEqual(left, right)
    }

    func contains(_ container: Value, _ value: Value) throws(JinjaError) -> Bool {
        switch container {
        case .string(let text):
            guard let needle = value.string else {
                throw .type("'in <string>' requires string as left operand, not \(value.typeName)")
            }
            try budget.take(textBytes: text.utf8.count)
            return text.contains(bytesOf: needle)
        case .dictionary(let mapping): return mapping[try key(value)] != nil
        case .none, .boolean, .integer, .float, .namespace, .loop, .callable:
            throw .type("argument of type '\(container.typeName)' is not iterable")
        case .undefined, .list, .tuple, .view, .generator:
            for element in try elements(of: container) where try isEqual(element, value) { return true }
            return false
        }
    }
}
