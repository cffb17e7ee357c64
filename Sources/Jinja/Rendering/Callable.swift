/// What can be called.
package enum Callable {
    /// A function that every template knows: `range`, `namespace`, `raise_exception` …
    case global(String)
    /// A method, with what it belongs to.
    indirect case method(Value, String)
    case macro(Macro)
    /// The body of a recursive loop.
    case loop(Loop)
    /// What `cycler(…)` and `joiner(…)` give.
    case cycler(Cycler)
    case joiner(Joiner)

    var typeName: String {
        switch self {
        case .global("dict"): "TemplateDict"
        case .global: "function"
        case .method: "builtin_function_or_method"
        case .macro: "Macro"
        case .loop: "LoopContext"
        case .cycler: "Cycler"
        case .joiner: "Joiner"
        }
    }

    /// How many containers lie within one another.
    var nesting: Int {
        switch self {
        case .global, .joiner: 0
        case .method(let value, _): 1 + value.depth
        // A macro's scope is emptied when the rendering ends.
        case .macro: 0
        case .loop(let loop): loop.nesting
        case .cycler(let cycler): cycler.items.depth
        }
    }
}

/// A macro with the scope that it was defined in.
package struct Macro {
    let definition: Statement.MacroDefinition
    let scope: Scope
}

package final class Cycler {
    let items: List
    var position = 0

    init(_ items: List) { self.items = items }
}

package final class Joiner {
    let separator: Value
    var isUsed = false

    init(_ separator: Value) { self.separator = separator }
}
