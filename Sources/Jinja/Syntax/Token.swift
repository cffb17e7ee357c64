/// What the lexer cuts a template into, comments and white space left out.
struct Token: Sendable {
    enum Kind: Equatable, Sendable {
        /// Text between tags, as it goes to the output.
        case data(String)
        /// `{%` and `%}`.
        case blockBegin, blockEnd
        /// `{{` and `}}`.
        case variableBegin, variableEnd
        case name(String)
        case string(String)
        case integer(Int)
        case float(Double)
        case symbol(Symbol)
        case end
    }

    /// Longer symbols come first, so that `**` is not read as two.
    enum Symbol: String, CaseIterable, Sendable {
        case floorDivide = "//"
        case power = "**"
        case equal = "=="
        case notEqual = "!="
        case atLeast = ">="
        case atMost = "<="
        case add = "+"
        case subtract = "-"
        case divide = "/"
        case multiply = "*"
        case modulo = "%"
        case tilde = "~"
        case leftBracket = "["
        case rightBracket = "]"
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case leftBrace = "{"
        case rightBrace = "}"
        case greater = ">"
        case less = "<"
        case assign = "="
        case dot = "."
        case colon = ":"
        case pipe = "|"
        case comma = ","
        case semicolon = ";"
    }

    var kind: Kind
    var line: Int
}

extension Token.Kind: CustomStringConvertible {
    /// As jinja2 names it in its messages.
    var description: String {
        switch self {
        case .data: "template data / text"
        case .blockBegin: "begin of statement block"
        case .blockEnd: "end of statement block"
        case .variableBegin: "begin of print statement"
        case .variableEnd: "end of print statement"
        case .name(let name): name
        case .string: "string"
        case .integer: "integer"
        case .float: "float"
        case .symbol(let symbol): symbol.rawValue
        case .end: "end of template"
        }
    }
}
