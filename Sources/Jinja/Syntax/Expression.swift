/// What has a value.
struct Expression: Sendable {
    indirect enum Kind: Sendable {
        case literal(Literal)
        case name(String)
        case list([Expression])
        case tuple([Expression])
        case dictionary([Pair])
        /// `base.name`
        case attribute(Expression, String)
        /// `base[index]`
        case element(Expression, Expression)
        /// `base[from:to:step]`
        case slice(Expression, from: Expression?, to: Expression?, step: Expression?)
        case call(Expression, Arguments)
        /// `input | name(arguments)`; in a filter block the input is the block's text.
        case filter(Expression, String, Arguments)
        case test(Expression, String, Arguments)
        case negative(Expression)
        case positive(Expression)
        case not(Expression)
        case and(Expression, Expression)
        case or(Expression, Expression)
        case arithmetic(Arithmetic, Expression, Expression)
        /// Chained as in Python: `a < b < c` compares b once with each.
        case comparison(Expression, [Comparison])
        /// `a ~ b ~ c`
        case concatenation([Expression])
        /// `value if condition else otherwise`
        case conditional(Expression, if: Expression, else: Expression?)
        /// The text that a filter block or a block assignment hands to its filters.
        case capturedText
    }

    enum Literal: Sendable {
        case none
        case boolean(Bool)
        case integer(Int)
        case float(Double)
        case string(String)
    }

    struct Pair: Sendable {
        var key: Expression
        var value: Expression
    }

    struct Arguments: Sendable {
        struct Keyword: Sendable {
            var name: String
            var value: Expression
        }

        var positional: [Expression] = []
        var keywords: [Keyword] = []
        /// `*list`
        var list: Expression?
        /// `**dictionary`
        var dictionary: Expression?

        var expressions: [Expression] {
            positional + keywords.map(\.value) + [list, dictionary].compactMap(\.self)
        }
    }

    enum Arithmetic: String, Sendable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case floorDivide = "//"
        case modulo = "%"
        case power = "**"
    }

    struct Comparison: Sendable {
        enum Operator: String, Sendable {
            case equal = "=="
            case notEqual = "!="
            case less = "<"
            case atMost = "<="
            case greater = ">"
            case atLeast = ">="
            case isIn = "in"
            case isNotIn = "not in"
        }

        var comparator: Operator
        var operand: Expression
    }

    let kind: Kind
    let line: Int
    /// 1 more than the deepest part has.
    let depth: Int

    /// - Throws: `tooLarge` beyond `Limits.expressionDepth`, which evaluation could not climb down.
    init(_ kind: Kind, line: Int) throws(JinjaError) {
        self.kind = kind
        self.line = line
        self.depth = 1 + (kind.parts.lazy.map(\.depth).max() ?? 0)
        guard depth <= Limits.expressionDepth else {
            let message = "an expression is nested or chained deeper than \(Limits.expressionDepth)"
            throw JinjaError(.tooLarge, message, line: line)
        }
    }
}

extension Expression.Kind {
    fileprivate var parts: [Expression] {
        switch self {
        case .literal, .name, .capturedText: []
        case .list(let elements), .tuple(let elements), .concatenation(let elements): elements
        case .dictionary(let pairs): pairs.flatMap { [$0.key, $0.value] }
        case .attribute(let base, _), .negative(let base), .positive(let base), .not(let base): [base]
        case .element(let left, let right), .and(let left, let right), .or(let left, let right),
            .arithmetic(_, let left, let right):
            [left, right]
        case .slice(let base, let from, let to, let step): [base] + [from, to, step].compactMap(\.self)
        case .call(let base, let arguments), .filter(let base, _, let arguments), .test(let base, _, let arguments):
            [base] + arguments.expressions
        case .comparison(let first, let others): [first] + others.map(\.operand)
        case .conditional(let value, let condition, let otherwise): [value, condition] + [otherwise].compactMap(\.self)
        }
    }
}
