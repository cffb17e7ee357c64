/// Attributes, elements and slices, by the rules of jinja2's sandbox: `a.b` looks for a method or attribute first and an
/// element then, `a['b']` the other way round.
extension Renderer {
    func attribute(_ name: String, of value: Value) throws(JinjaError) -> Value {
        if case .undefined(let undefined) = value { throw undefined.error }
        if let found = try member(name, of: value) { return found }
        if case .dictionary(let mapping) = value, let found = mapping[name] { return found }
        return missing(attribute: name, of: value)
    }

    func element(_ index: Value, of value: Value) throws(JinjaError) -> Value {
        switch value {
        case .undefined(let undefined): throw undefined.error
        case .dictionary(let mapping):
            // What cannot be a key is not there, as jinja2 sees it.
            if let text = index.string { try budget.take(textBytes: text.utf8.count) }
            if let key = try? Key(index), let found = mapping[key] { return found }
        case .list(let list), .tuple(let list):
            if let position = position(index, count: list.elements.count) { return list.elements[position] }
        case .view(let view) where view.kind == .range:
            if let position = position(index, count: view.list.elements.count) { return view.list.elements[position] }
        case .string(let text):
            if index.integer != nil {
                let scalars = text.scalars
                try budget.take(textBytes: text.utf8.count)
                if let position = position(index, count: scalars.count) { return .string(String(scalars[position])) }
            }
        case .none, .boolean, .integer, .float, .view, .generator, .namespace, .loop, .callable: break
        }
        if let name = index.string {
            return try member(name, of: value) ?? missing(attribute: name, of: value)
        }
        return .undefined(Undefined(message: "\(value.objectName) has no element \(try representation(of: index))"))
    }

    private func position(_ index: Value, count: Int) -> Int? {
        guard let index = index.integer else { return nil }
        let position = index < 0 ? index + count : index
        return (0..<count).contains(position) ? position : nil
    }

    private func missing(attribute name: String, of value: Value) -> Value {
        .undefined(Undefined(message: "'\(value.objectName)' has no attribute '\(name)'"))
    }

    /// A method, or an attribute of what has some; what would change a value is forbidden.
    private func member(_ name: String, of value: Value) throws(JinjaError) -> Value? {
        switch value {
        case .namespace(let namespace): return namespace.attributes[name]
        case .loop(let loop): return try attribute(name, of: loop)
        case .callable(.cycler(let cycler)):
            if name == "current" { return cycler.items.elements[cycler.position] }
            return ["next", "reset"].contains(name) ? .callable(.method(value, name)) : nil
        case .callable(.macro(let macro)):
            return name == "name" ? .string(macro.definition.name) : nil
        case _: break
        }
        if Self.changingMethods(of: value).contains(name) {
            let message = "access to attribute '\(name)' of '\(value.typeName)' object is unsafe."
            return .undefined(Undefined(message: message, isForbidden: true))
        }
        return Self.methods(of: value).contains(name) ? .callable(.method(value, name)) : nil
    }

    private static func changingMethods(of value: Value) -> Set<String> {
        switch value {
        case .list: ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"]
        case .dictionary: ["clear", "pop", "popitem", "setdefault", "update"]
        case _: []
        }
    }

    private static func methods(of value: Value) -> Set<String> {
        switch value {
        case .string: stringMethods
        case .dictionary: ["copy", "get", "items", "keys", "values"]
        case .list: ["copy", "count", "index"]
        case .tuple: ["count", "index"]
        case .callable(.global("dict")): ["fromkeys"]
        case _: []
        }
    }

    // MARK: - Slices

    func slice(_ value: Value, from: Int?, to: Int?, step: Int) throws(JinjaError) -> Value {
        guard step != 0 else { throw .value("slice step cannot be zero") }
        switch value {
        case .undefined(let undefined): throw undefined.error
        case .list(let list): return try self.list(Self.slice(list.elements, from, to, step))
        case .tuple(let list): return .tuple(try counted(Self.slice(list.elements, from, to, step)))
        case .string(let text):
            try budget.take(textBytes: text.utf8.count)
            return try string(String(Self.slice(text.scalars, from, to, step)))
        case .view(let view) where view.kind == .range:
            return .view(View(kind: .range, list: try counted(Self.slice(view.list.elements, from, to, step))))
        case .none, .boolean, .integer, .float, .dictionary, .view, .generator, .namespace, .loop, .callable:
            return .undefined(Undefined(message: "\(value.objectName) has no such slice"))
        }
    }

    private static func slice<Element>(_ elements: [Element], _ from: Int?, _ to: Int?, _ step: Int) -> [Element] {
        let count = elements.count
        func clamped(_ bound: Int, _ range: ClosedRange<Int>) -> Int {
            min(max(bound < 0 ? max(bound, -count - 1) + count : bound, range.lowerBound), range.upperBound)
        }
        if step > 0 {
            let (start, end) = (clamped(from ?? 0, 0...count), clamped(to ?? count, 0...count))
            return stride(from: start, to: end, by: step).map { elements[$0] }
        }
        guard count > 0 else { return [] }
        let start = from.map { clamped($0, -1...count - 1) } ?? count - 1
        let end = to.map { clamped($0, -1...count - 1) } ?? -1
        return stride(from: start, to: end, by: step).map { elements[$0] }
    }
}
