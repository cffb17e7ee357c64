/// What `loop` names inside a loop, and what the loop runs over.
package final class Loop {
    let statement: Statement.ForLoop
    /// What the loop stands in, as long as something may be asked there.
    private(set) var scope: Scope?
    /// How many recursive loops stand around this one.
    let level: Int
    /// How many containers lie within one another, this one included.
    let nesting: Int
    fileprivate(set) var index = -1
    /// Those that fulfil the condition, as far as they are known.
    fileprivate var elements: [Value]
    /// Those of which the condition has not been asked.
    fileprivate var rest: ArraySlice<Value>
    /// What `loop.changed` was called with last.
    var lastChecked: [Value]?

    init(_ statement: Statement.ForLoop, over list: List, in scope: Scope, level: Int) {
        self.statement = statement
        self.scope = scope
        self.level = level
        self.nesting = list.depth + 1
        self.elements = statement.condition == nil ? list.elements : []
        self.rest = statement.condition == nil ? [] : list.elements[...]
    }

    /// Nothing is asked any more once the loop has been left; a recursive one can still be called.
    func finish() {
        rest = []
        if !statement.isRecursive { scope = nil }
    }
}

/// The condition of `for … in … if condition` is asked of an element when its turn comes, not before: it may depend on
/// what the body did. Looking ahead, as `loop.last` does, asks it earlier, as in jinja2.
extension Renderer {
    /// The next element; nil at the end.
    func advance(_ loop: Loop) throws(JinjaError) -> Value? {
        loop.index += 1
        return try element(at: loop.index, of: loop)
    }

    func count(of loop: Loop) throws(JinjaError) -> Int {
        _ = try element(at: .max, of: loop)
        return loop.elements.count
    }

    private func element(at index: Int, of loop: Loop) throws(JinjaError) -> Value? {
        while index >= loop.elements.count, let next = loop.rest.popFirst() {
            let fulfils = try inScope(Scope(parent: loop.scope)) { () throws(JinjaError) in
                try assign(next, to: loop.statement.target)
                guard let condition = loop.statement.condition else { return true }
                return try evaluate(condition).isTrue
            }
            if fulfils { loop.elements.append(next) }
        }
        return index < loop.elements.count ? loop.elements[index] : nil
    }

    /// nil where `loop` has no such attribute.
    func attribute(_ name: String, of loop: Loop) throws(JinjaError) -> Value? {
        let index = loop.index
        switch name {
        case "index": return .integer(index + 1)
        case "index0": return .integer(index)
        case "revindex": return .integer(try count(of: loop) - index)
        case "revindex0": return .integer(try count(of: loop) - index - 1)
        case "first": return .boolean(index == 0)
        case "last": return .boolean(try element(at: index + 1, of: loop) == nil)
        case "length": return .integer(try count(of: loop))
        case "depth": return .integer(loop.level + 1)
        case "depth0": return .integer(loop.level)
        case "previtem":
            guard index > 0 else { return .undefined(Undefined(message: "there is no previous item")) }
            return loop.elements[index - 1]
        case "nextitem":
            guard let next = try element(at: index + 1, of: loop) else {
                return .undefined(Undefined(message: "there is no next item"))
            }
            return next
        case "cycle", "changed": return .callable(.method(.loop(loop), name))
        case _: return nil
        }
    }
}
