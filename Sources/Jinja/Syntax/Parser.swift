/// Reads statements, as jinja2's parser does; `Parser+Expressions.swift` reads what they hold.
struct Parser {
    private let tokens: [Token]
    private var position = 0
    private var nesting = 0
    /// Loops around the statement that is read, within the same macro.
    private var loops = 0
    /// The special names used in each of the macros around what is read.
    var specialNames: [Set<String>] = []

    static func statements(of source: String) throws(JinjaError) -> [Statement] {
        var parser = Parser(tokens: try Lexer.tokens(of: source))
        return try parser.body(until: [])
    }

    private init(tokens: [Token]) { self.tokens = tokens }

    // MARK: - Tokens

    /// The lexer ends with `end`, which is never passed.
    var current: Token { tokens[position] }
    var next: Token { tokens[min(position + 1, tokens.count - 1)] }

    mutating func advance() { position = min(position + 1, tokens.count - 1) }

    func failure(_ message: String, line: Int? = nil) -> JinjaError {
        JinjaError(.syntax, message, line: line ?? current.line)
    }

    func isAt(_ symbol: Token.Symbol) -> Bool { current.kind == .symbol(symbol) }
    func isAt(name: String) -> Bool { current.kind == .name(name) }

    mutating func skip(_ symbol: Token.Symbol) -> Bool {
        guard isAt(symbol) else { return false }
        advance()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard isAt(name: name) else { return false }
        advance()
        return true
    }

    mutating func expect(_ kind: Token.Kind) throws(JinjaError) {
        guard current.kind == kind else {
            if current.kind == .end { throw failure("unexpected end of template, expected '\(kind)'.") }
            throw failure("expected token '\(kind)', got '\(current.kind)'")
        }
        advance()
    }

    mutating func expectName() throws(JinjaError) -> String {
        guard case .name(let name) = current.kind else {
            throw failure("expected token 'name', got '\(current.kind)'")
        }
        advance()
        return name
    }

    /// Counts what recurses.
    mutating func nested<Result>(
        _ read: (inout Parser) throws(JinjaError) -> Result
    ) throws(JinjaError) -> Result {
        nesting += 1
        guard nesting <= Limits.nesting else {
            throw JinjaError(.tooLarge, "the template is nested deeper than \(Limits.nesting)", line: current.line)
        }
        let result = try read(&self)
        nesting -= 1
        return result
    }

    // MARK: - Bodies

    /// Statements up to a tag that `ends` names, which is left to be read; up to the end where it names none.
    private mutating func body(until ends: Set<String>) throws(JinjaError) -> [Statement] {
        var statements: [Statement] = []
        while true {
            let line = current.line
            switch current.kind {
            case .data(let text):
                statements.append(Statement(kind: .data(text), line: line))
                advance()
            case .variableBegin:
                advance()
                let value = try tuple()
                try expect(.variableEnd)
                statements.append(Statement(kind: .output([value]), line: line))
            case .blockBegin:
                advance()
                if case .name(let name) = current.kind, ends.contains(name) { return statements }
                let kind = try nested { parser throws(JinjaError) in try parser.statement() }
                statements.append(Statement(kind: kind, line: line))
                try expect(.blockEnd)
            case .end where ends.isEmpty:
                return statements
            case _:
                let expected = ends.sorted().map { "'\($0)'" }.joined(separator: " or ")
                throw failure("Unexpected end of template. Jinja was looking for the following tags: \(expected).")
            }
        }
    }

    /// The body of a tag whose head has been read: its end, statements, and the tag that ends them, whose name is given
    /// back.
    private mutating func block(until ends: Set<String>) throws(JinjaError) -> (body: [Statement], end: String) {
        _ = skip(.colon)
        try expect(.blockEnd)
        let body = try body(until: ends)
        return (body, try expectName())
    }

    // MARK: - Statements

    private mutating func statement() throws(JinjaError) -> Statement.Kind {
        let line = current.line
        guard case .name(let tag) = current.kind else { throw failure("tag name expected") }
        advance()
        switch tag {
        case "if": return try conditional()
        case "for": return try loop()
        case "set": return try assignment()
        case "macro": return .macro(try macro(named: try expectName(), end: "endmacro"))
        case "call": return try callBlock()
        case "filter": return try filterBlock()
        case "with": return try with()
        case "print": return try print()
        case "generation": return try generation()
        case "break", "continue":
            guard loops > 0 else { throw failure("'\(tag)' outside loop", line: line) }
            return tag == "break" ? .breakLoop : .continueLoop
        case "block", "extends", "include", "import", "from", "autoescape":
            let message = "a chat template stands alone: {% \(tag) %} has no meaning in it"
            throw JinjaError(.unsupported, message, line: line)
        case _: throw failure("Encountered unknown tag '\(tag)'.", line: line)
        }
    }

    private mutating func conditional() throws(JinjaError) -> Statement.Kind {
        var branches: [Statement.Branch] = []
        while true {
            let condition = try tuple(allowsConditional: false)
            let (body, end) = try block(until: ["elif", "else", "endif"])
            branches.append(Statement.Branch(condition: condition, body: body))
            switch end {
            case "elif": continue
            case "else": return .conditional(branches, else: try block(until: ["endif"]).body)
            case _: return .conditional(branches, else: [])
            }
        }
    }

    private mutating func loop() throws(JinjaError) -> Statement.Kind {
        let target = try target(endsAt: "in")
        try expect(.name("in"))
        let sequence = try tuple(allowsConditional: false, endsAt: "recursive")
        let condition = skip(name: "if") ? try expression() : nil
        let isRecursive = skip(name: "recursive")
        loops += 1
        let (body, end) = try block(until: ["endfor", "else"])
        loops -= 1
        let otherwise = end == "else" ? try block(until: ["endfor"]).body : []
        return .loop(
            Statement.ForLoop(
                target: target,
                sequence: sequence,
                condition: condition,
                isRecursive: isRecursive,
                body: body,
                otherwise: otherwise
            )
        )
    }

    private mutating func assignment() throws(JinjaError) -> Statement.Kind {
        let target = try target(allowsNamespace: true)
        if skip(.assign) { return .assignment(target, try tuple()) }
        let filters = try filters(of: try Expression(.capturedText, line: current.line))
        return .blockAssignment(target, filters: filters, body: try block(until: ["endset"]).body)
    }

    private mutating func filterBlock() throws(JinjaError) -> Statement.Kind {
        let input = try Expression(.capturedText, line: current.line)
        let filters = try filters(of: try filter(of: input))
        return .filterBlock(filters, body: try block(until: ["endfilter"]).body)
    }

    private mutating func with() throws(JinjaError) -> Statement.Kind {
        var bindings: [Statement.Binding] = []
        while current.kind != .blockEnd {
            if !bindings.isEmpty { try expect(.symbol(.comma)) }
            let target = try target()
            try expect(.symbol(.assign))
            bindings.append(Statement.Binding(target: target, value: try expression()))
        }
        return .with(bindings, body: try block(until: ["endwith"]).body)
    }

    private mutating func print() throws(JinjaError) -> Statement.Kind {
        var values: [Expression] = []
        while current.kind != .blockEnd {
            if !values.isEmpty { try expect(.symbol(.comma)) }
            values.append(try expression())
        }
        return .output(values)
    }

    private mutating func generation() throws(JinjaError) -> Statement.Kind {
        .generation(try outsideLoops { parser throws(JinjaError) in try parser.block(until: ["endgeneration"]).body })
    }

    /// What is a function of its own in jinja2: the loops around it cannot be left from within.
    private mutating func outsideLoops<Result>(
        _ read: (inout Parser) throws(JinjaError) -> Result
    ) throws(JinjaError) -> Result {
        let outer = loops
        loops = 0
        let result = try read(&self)
        loops = outer
        return result
    }
}

// MARK: - Macros

extension Parser {
    private mutating func callBlock() throws(JinjaError) -> Statement.Kind {
        let parameters = isAt(.leftParenthesis) ? try self.parameters() : []
        let line = current.line
        let call = try expression()
        guard case .call = call.kind else { throw failure("expected call", line: line) }
        return .callBlock(try macroBody(named: "caller", parameters, end: "endcall"), call: call)
    }

    private mutating func macro(named name: String, end: String) throws(JinjaError) -> Statement.MacroDefinition {
        try macroBody(named: name, try parameters(), end: end)
    }

    private mutating func macroBody(
        named name: String,
        _ parameters: [Statement.MacroDefinition.Parameter],
        end: String
    ) throws(JinjaError) -> Statement.MacroDefinition {
        specialNames.append([])
        let body = try outsideLoops { parser throws(JinjaError) in try parser.block(until: [end]).body }
        let used = specialNames.removeLast()
        if let outer = specialNames.indices.last { specialNames[outer].formUnion(used) }
        let isTaken = { name in used.contains(name) && !parameters.contains { $0.name == name } }
        return Statement.MacroDefinition(
            name: name,
            parameters: parameters,
            body: body,
            takesPositional: isTaken("varargs"),
            takesKeywords: isTaken("kwargs"),
            takesCaller: isTaken("caller")
        )
    }

    private mutating func parameters() throws(JinjaError) -> [Statement.MacroDefinition.Parameter] {
        var parameters: [Statement.MacroDefinition.Parameter] = []
        try expect(.symbol(.leftParenthesis))
        while !isAt(.rightParenthesis) {
            if !parameters.isEmpty { try expect(.symbol(.comma)) }
            let name = try expectName()
            let defaultValue = skip(.assign) ? try expression() : nil
            if defaultValue == nil, parameters.last?.defaultValue != nil {
                throw failure("non-default argument follows default argument")
            }
            parameters.append(Statement.MacroDefinition.Parameter(name: name, defaultValue: defaultValue))
        }
        advance()
        return parameters
    }

    // MARK: - Targets of assignments

    /// A name, `namespace.attribute` where that is allowed, or several with commas between them.
    private mutating func target(
        allowsNamespace: Bool = false,
        endsAt end: String? = nil
    ) throws(JinjaError) -> Statement.Target {
        var targets: [Statement.Target] = []
        var isTuple = false
        while true {
            if isTupleEnd || end.map(isAt(name:)) == true || isAt(.assign) { break }
            targets.append(try singleTarget(allowsNamespace: allowsNamespace))
            guard skip(.comma) else { break }
            isTuple = true
        }
        if !isTuple, let only = targets.first { return only }
        guard !targets.isEmpty else { throw failure("Expected an expression, got '\(current.kind)'") }
        return .tuple(targets)
    }

    private mutating func singleTarget(allowsNamespace: Bool) throws(JinjaError) -> Statement.Target {
        if skip(.leftParenthesis) {
            let inner = try nested { parser throws(JinjaError) in
                try parser.target(allowsNamespace: allowsNamespace)
            }
            try expect(.symbol(.rightParenthesis))
            return inner
        }
        let line = current.line
        let name = try expectName()
        guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
            throw failure("can't assign to '\(name)'", line: line)
        }
        guard allowsNamespace, skip(.dot) else { return .name(name) }
        return .namespace(name, attribute: try expectName())
    }
}
