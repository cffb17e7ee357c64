/// What a template computes with: Python's types, as far as templates see them.
package enum Value {
    case undefined(Undefined)
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    /// Compared and cut by code points, as in Python, never by Swift's characters.
    case string(String)
    case list(List)
    case tuple(List)
    case dictionary(Mapping)
    case view(View)
    case generator(Generator)
    case namespace(Namespace)
    case loop(Loop)
    case callable(Callable)
}

/// Nothing, and why: it can be printed, iterated and tested, and whatever else is done with it fails with its message.
package struct Undefined {
    let message: String
    /// Because the sandbox forbids it, rather than because nothing is there.
    var isForbidden = false

    var error: JinjaError { JinjaError(isForbidden ? .forbidden : .undefined, message) }
}

/// The elements of a list or a tuple. It never changes: the sandbox forbids that.
package struct List {
    let elements: [Value]
    /// 1 more than the deepest element has.
    let depth: Int

    package init(_ elements: [Value]) {
        self.elements = elements
        self.depth = 1 + (elements.lazy.map(\.depth).max() ?? 0)
    }
}

/// What a dictionary's `items()`, `keys()` and `values()` give, and `range()`: counted, iterated, not computed with.
package struct View {
    enum Kind: String {
        case items = "dict_items"
        case keys = "dict_keys"
        case values = "dict_values"
        case range
    }

    let kind: Kind
    let list: List
    /// Where a range ends, which its elements do not tell.
    var end: Int?
}

/// What filters such as `map` and `select` give: it can be iterated once.
package final class Generator {
    private var elements: ArraySlice<Value>
    let depth: Int
    /// As Python names its type.
    let typeName: String

    init(_ list: List, typeName: String = "generator") {
        self.elements = list.elements[...]
        self.depth = list.depth
        self.typeName = typeName
    }

    /// Everything that is left.
    func drain() -> [Value] {
        defer { elements = [] }
        return Array(elements)
    }

    func next() -> Value? { elements.popFirst() }
}

/// What `namespace()` gives: the one thing that a template can change.
package final class Namespace {
    var attributes: Mapping

    init(_ attributes: Mapping) { self.attributes = attributes }
}

extension Value {
    /// How many containers lie within one another.
    var depth: Int {
        switch self {
        case .list(let list), .tuple(let list): list.depth
        case .dictionary(let mapping): mapping.depth
        case .view(let view): view.list.depth
        case .generator(let generator): generator.depth
        case .loop(let loop): loop.nesting
        case .callable(let callable): callable.nesting
        // A namespace frees what it holds when the rendering ends, not when it is freed itself.
        case .undefined, .none, .boolean, .integer, .float, .string, .namespace: 0
        }
    }

    /// As Python's `type(value).__name__`.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .boolean: "bool"
        case .integer: "int"
        case .float: "float"
        case .string: "str"
        case .list: "list"
        case .tuple: "tuple"
        case .dictionary: "dict"
        case .view(let view): view.kind.rawValue
        case .generator(let generator): generator.typeName
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .callable(let callable): callable.typeName
        }
    }

    /// As jinja2 names an object in what it says of missing attributes.
    var objectName: String {
        switch self {
        case .none: "None"
        case _: "\(typeName) object"
        }
    }

    /// Python's truth.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .boolean(let value): value
        case .integer(let value): value != 0
        case .float(let value): value != 0
        case .string(let text): !text.isEmpty
        case .list(let list), .tuple(let list): !list.elements.isEmpty
        case .dictionary(let mapping): mapping.count > 0
        case .view(let view): !view.list.elements.isEmpty
        case .generator, .namespace, .loop, .callable: true
        }
    }

    /// What counts as an index or in arithmetic of integers: `True` is 1.
    var integer: Int? {
        switch self {
        case .boolean(let value): value ? 1 : 0
        case .integer(let value): value
        case _: nil
        }
    }

    /// What counts as a number.
    var double: Double? {
        switch self {
        case .float(let value): value
        case _: integer.map(Double.init)
        }
    }

    var string: String? {
        if case .string(let text) = self { text } else { nil }
    }
}
