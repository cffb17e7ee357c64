/// Runs statements: one rendering of one template.
///
/// A class, because what it counts and writes is one thing, however deep it recurses.
final class Renderer {
    let now: DateTime
    var budget: Budget
    /// The line that is run.
    private(set) var line = 1
    private var output = ""
    private var depth = 0
    private(set) var scope: Scope
    /// The input of the filters of a block.
    private(set) var capturedText = ""
    // What can hold itself, or a chain of any length: emptied when the rendering ends, one by one.
    private var namespaces: [Namespace] = []
    private var capturedScopes: [Scope] = []

    init(variables: [String: Value], now: DateTime, budget: Budget) {
        self.now = now
        self.budget = budget
        self.scope = Scope(parent: nil, variables: variables)
    }

    func render(_ statements: [Statement]) throws(JinjaError) -> String {
        _ = try run(statements)
        return output
    }

    /// Breaks the circles that namespaces and macros can form.
    func releaseCaptured() {
        for scope in capturedScopes { scope.clear() }
        for namespace in namespaces { namespace.attributes = Mapping() }
    }

    func makeNamespace(_ attributes: Mapping) throws(JinjaError) -> Value {
        try budget.take(elements: Self.keptElements)
        let namespace = Namespace(attributes)
        namespaces.append(namespace)
        return .namespace(namespace)
    }

    /// Remembers a scope that outlives what runs in it.
    private func keep(_ scope: Scope) throws(JinjaError) {
        try budget.take(elements: Self.keptElements)
        capturedScopes.append(scope)
    }

    /// What a scope or a namespace takes of memory, in elements of a list.
    private static let keptElements = 16

    /// Counts one step and one level of recursion at `line`.
    func nested<Result>(at line: Int, _ body: () throws(JinjaError) -> Result) throws(JinjaError) -> Result {
        try budget.takeStep()
        self.line = line
        depth += 1
        guard depth <= Limits.evaluationDepth else {
            throw .tooLarge("rendering recurses deeper than \(Limits.evaluationDepth)")
        }
        let result = try body()
        depth -= 1
        return result
    }

    func write(_ text: String) throws(JinjaError) {
        try budget.take(textBytes: text.utf8.count)
        output += text
    }

    /// What `body` writes.
    func capture(_ body: () throws(JinjaError) -> Void) throws(JinjaError) -> String {
        let outer = output
        output = ""
        try body()
        defer { output = outer }
        return output
    }

    /// Runs `body` where names that it sets are its own.
    func inScope<Result>(
        _ inner: Scope,
        _ body: () throws(JinjaError) -> Result
    ) throws(JinjaError) -> Result {
        let outer = scope
        scope = inner
        defer { scope = outer }
        return try body()
    }
}

// MARK: - Statements

extension Renderer {
    enum Flow {
        case goesOn
        case breaksLoop
        case continuesLoop
    }

    func run(_ statements: [Statement]) throws(JinjaError) -> Flow {
        for statement in statements {
            let flow = try nested(at: statement.line) { () throws(JinjaError) in try run(statement) }
            if flow != .goesOn { return flow }
        }
        return .goesOn
    }

    private func run(_ statement: Statement) throws(JinjaError) -> Flow {
        switch statement.kind {
        case .data(let text): try write(text)
        case .output(let values): for value in values { try write(try text(of: try evaluate(value))) }
        case .conditional(let branches, let otherwise): return try run(branches, else: otherwise)
        case .loop(let loop): try run(loop)
        case .assignment(let target, let value): try assign(try evaluate(value), to: target)
        case .blockAssignment(let target, let filters, let body):
            try assign(try filtered(body, by: filters), to: target)
        case .macro(let definition): scope.set(definition.name, to: try macro(definition))
        case .callBlock(let body, let call): try run(call, caller: body)
        case .filterBlock(let filters, let body): try write(try text(of: try filtered(body, by: filters)))
        case .with(let bindings, let body): try run(bindings, body)
        case .generation(let body): try write(try captureInScope(body))
        case .breakLoop: return .breaksLoop
        case .continueLoop: return .continuesLoop
        }
        return .goesOn
    }

    private func run(_ branches: [Statement.Branch], else otherwise: [Statement]) throws(JinjaError) -> Flow {
        for branch in branches where try evaluate(branch.condition).isTrue { return try run(branch.body) }
        return try run(otherwise)
    }

    private func captureInScope(_ body: [Statement]) throws(JinjaError) -> String {
        try inScope(Scope(parent: scope)) { () throws(JinjaError) in
            try capture { () throws(JinjaError) in _ = try run(body) }
        }
    }

    private func filtered(_ body: [Statement], by filters: Expression) throws(JinjaError) -> Value {
        let outer = capturedText
        capturedText = try captureInScope(body)
        defer { capturedText = outer }
        return try evaluate(filters)
    }

    private func run(_ bindings: [Statement.Binding], _ body: [Statement]) throws(JinjaError) {
        // Every value is computed before any of the names is set.
        var values: [Value] = []
        for binding in bindings { values.append(try evaluate(binding.value)) }
        try inScope(Scope(parent: scope)) { () throws(JinjaError) in
            for (binding, value) in zip(bindings, values) { try assign(value, to: binding.target) }
            _ = try run(body)
        }
    }

    // MARK: Assignment

    func assign(_ value: Value, to target: Statement.Target) throws(JinjaError) {
        switch target {
        case .name(let name): scope.set(name, to: value)
        case .namespace(let name, let attribute):
            guard case .namespace(let namespace)? = scope[name] else {
                throw JinjaError(.type, "cannot assign attribute on non-namespace object")
            }
            try Self.checkNamespaceName(attribute)
            namespace.attributes.set(attribute, to: value)
        case .tuple(let targets):
            let elements = try elements(of: value)
            guard elements.count == targets.count else {
                throw .value(
                    elements.count > targets.count
                        ? "too many values to unpack (expected \(targets.count))"
                        : "not enough values to unpack (expected \(targets.count), got \(elements.count))"
                )
            }
            for (element, target) in zip(elements, targets) { try assign(element, to: target) }
        }
    }

    static func checkNamespaceName(_ name: String) throws(JinjaError) {
        guard !name.hasPrefix("_") else {
            throw JinjaError(
                .forbidden,
                "a namespace cannot hold '\(name)': rename it, without the underscore in front"
            )
        }
    }

    // MARK: Loops

    private func run(_ statement: Statement.ForLoop) throws(JinjaError) {
        try run(statement, over: try evaluate(statement.sequence), level: 0)
    }

    /// Renders the body of a recursive loop for the elements below the current one.
    func recurse(_ loop: Loop, over value: Value) throws(JinjaError) -> String {
        guard loop.statement.isRecursive else {
            throw .type("The loop must have the 'recursive' marker to be called recursively.")
        }
        return try nested(at: line) { () throws(JinjaError) in
            try inScope(loop.scope ?? scope) { () throws(JinjaError) in
                try capture { () throws(JinjaError) in try run(loop.statement, over: value, level: loop.level + 1) }
            }
        }
    }

    private func run(_ statement: Statement.ForLoop, over value: Value, level: Int) throws(JinjaError) {
        let outer = scope
        let list = try counted(try elements(of: value))
        let loop = Loop(statement, over: list, in: outer, level: level)
        if statement.isRecursive { try keep(outer) }
        defer { loop.finish() }
        while let element = try advance(loop) {
            try budget.takeStep()
            let flow = try inScope(Scope(parent: outer, variables: ["loop": .loop(loop)])) { () throws(JinjaError) in
                try assign(element, to: statement.target)
                return try run(statement.body)
            }
            if flow == .breaksLoop { return }
        }
        if loop.index == 0 {
            _ = try inScope(Scope(parent: outer)) { () throws(JinjaError) in try run(statement.otherwise) }
        }
    }
}

// MARK: - Macros

extension Renderer {
    private func macro(_ definition: Statement.MacroDefinition) throws(JinjaError) -> Value {
        try keep(scope)
        return .callable(.macro(Macro(definition: definition, scope: scope)))
    }

    private func run(_ call: Expression, caller: Statement.MacroDefinition) throws(JinjaError) {
        guard case .call(let function, let arguments) = call.kind else { return }
        var values = try evaluate(arguments)
        values.keywords.append((name: "caller", value: try macro(caller)))
        try write(try text(of: try self.call(try evaluate(function), values)))
    }

    /// The text that a macro writes.
    func call(_ macro: Macro, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let definition = macro.definition
        let inner = Scope(parent: macro.scope)
        var keywords = arguments.keywords
        func take(_ name: String) -> Value? {
            keywords.firstIndex { $0.name == name }.map { keywords.remove(at: $0).value }
        }
        let text = try nested(at: line) { () throws(JinjaError) in
            try inScope(inner) { () throws(JinjaError) in
                for (index, parameter) in definition.parameters.enumerated() {
                    let given = index < arguments.positional.count ? arguments.positional[index] : take(parameter.name)
                    if let given {
                        inner.set(parameter.name, to: given)
                    } else {
                        inner.set(parameter.name, to: try defaultValue(of: parameter))
                    }
                }
                if definition.takesCaller {
                    inner.set("caller", to: take("caller") ?? .undefined(Undefined(message: "No caller defined")))
                }
                try bindRest(of: arguments, keywords, to: definition, in: inner)
                return try capture { () throws(JinjaError) in _ = try run(definition.body) }
            }
        }
        return .string(text)
    }

    private func defaultValue(of parameter: Statement.MacroDefinition.Parameter) throws(JinjaError) -> Value {
        if let expression = parameter.defaultValue { return try evaluate(expression) }
        return .undefined(Undefined(message: "parameter '\(parameter.name)' was not provided"))
    }

    private func bindRest(
        of arguments: CallArguments,
        _ keywords: [CallArguments.Keyword],
        to definition: Statement.MacroDefinition,
        in inner: Scope
    ) throws(JinjaError) {
        let rest = arguments.positional.dropFirst(definition.parameters.count)
        if definition.takesKeywords {
            inner.set("kwargs", to: .dictionary(Mapping(keywords.map { (key: $0.name, value: $0.value) })))
        } else if let stranger = keywords.first {
            throw .type("macro '\(definition.name)' takes no keyword argument '\(stranger.name)'")
        }
        if definition.takesPositional {
            inner.set("varargs", to: .tuple(List(Array(rest))))
        } else if !rest.isEmpty {
            throw .type("macro '\(definition.name)' takes not more than \(definition.parameters.count) argument(s)")
        }
    }
}

extension Array {
    /// The elements that fulfil `condition`, which may fail with a typed error.
    func filtered<Failure>(
        _ condition: (Element) throws(Failure) -> Bool
    ) throws(Failure) -> [Element] {
        var result: [Element] = []
        for element in self where try condition(element) { result.append(element) }
        return result
    }
}
