extension Renderer {
    func filterList(_ name: String, _ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        switch name {
        case "map": return try generator(try mapped(value, arguments))
        case "select": return try generator(try selected(value, arguments, byAttribute: false, keeps: true))
        case "reject": return try generator(try selected(value, arguments, byAttribute: false, keeps: false))
        case "selectattr": return try generator(try selected(value, arguments, byAttribute: true, keeps: true))
        case "rejectattr": return try generator(try selected(value, arguments, byAttribute: true, keeps: false))
        case "join": return try joined(value, arguments)
        case "sort": return try list(try sorted(value, arguments))
        case "dictsort": return try list(try sortedMembers(of: value, arguments))
        case "unique": return try generator(try uniqued(value, arguments))
        case "min", "max": return try extreme(name, value, arguments)
        case "groupby": return try list(try grouped(value, arguments))
        case "sum": return try sum(value, arguments)
        case "batch": return try generator(try batches(value, arguments))
        case "slice": return try generator(try columns(value, arguments))
        case _:
            _ = try bind(arguments, to: [], of: name)
            return try filterList(name, value)
        }
    }

    private func filterList(_ name: String, _ value: Value) throws(JinjaError) -> Value {
        switch name {
        case "list": return try list(try elements(of: value))
        case "items":
            if case .undefined = value { return try generator([]) }
            guard case .dictionary(let mapping) = value else { throw .type("Can only get item pairs from a mapping.") }
            return try generator(pairs(of: mapping))
        case "first":
            if case .generator(let generator) = value, let next = generator.next() { return next }
            return try elements(of: value).first
                ?? .undefined(Undefined(message: "No first item, sequence was empty."))
        case "last":
            if case .generator(let generator) = value {
                throw .type("'\(generator.typeName)' object is not reversible")
            }
            return try elements(of: value).last
                ?? .undefined(Undefined(message: "No last item, sequence was empty."))
        case _:
            if let text = value.string { return try string(String(text.unicodeScalars.reversed())) }
            return try generator(try elements(of: value).reversed(), typeName: "list_reverseiterator")
        }
    }

    // MARK: - Attributes

    /// A path such as `address.city` or `0.name`, followed as jinja2 does: numbers are indices.
    private func follow(_ path: Value?, from value: Value, default fallback: Value? = nil) throws(JinjaError) -> Value {
        switch path {
        case nil, .some(.none): return value
        case .some(.string(let text)):
            var current = value
            for part in text.pieces(separatedBy: ".") {
                try budget.takeStep()
                let index = part.isEmpty || !part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? nil : Int(part)
                current = try element(index.map { .integer($0) } ?? .string(part), of: current)
                if case .undefined = current, let fallback { current = fallback }
            }
            return current
        case .some(let index):
            let found = try element(index, of: value)
            if case .undefined = found, let fallback { return fallback }
            return found
        }
    }

    private func withoutCase(_ value: Value, _ isCaseSensitive: Value?) throws(JinjaError) -> Value {
        guard isCaseSensitive?.isTrue != true, let text = value.string else { return value }
        return try string(text.lowered)
    }

    // MARK: - Choosing and mapping

    private func mapped(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> [Value] {
        guard value.isTrue else { return [] }
        var arguments = arguments
        if arguments.positional.isEmpty, let index = arguments.keywords.firstIndex(where: { $0.name == "attribute" }) {
            let path = arguments.keywords.remove(at: index).value
            let given = try bind(arguments, to: ["default"], of: "map")
            return try elements(of: value).map { element throws(JinjaError) in
                try follow(path, from: element, default: given[0])
            }
        }
        guard !arguments.positional.isEmpty else { throw .value("map requires a filter argument") }
        let name = try requiredText(arguments.positional.removeFirst(), of: "map")
        return try elements(of: value).map { element throws(JinjaError) in
            try nested(at: line) { () throws(JinjaError) in try filter(name, element, arguments) }
        }
    }

    private func selected(
        _ value: Value,
        _ arguments: CallArguments,
        byAttribute: Bool,
        keeps: Bool
    ) throws(JinjaError) -> [Value] {
        guard value.isTrue else { return [] }
        var rest = arguments
        var path: Value?
        if byAttribute {
            guard !rest.positional.isEmpty else { throw .value("Missing parameter for attribute name") }
            path = rest.positional.removeFirst()
        }
        let name = rest.positional.isEmpty ? nil : try requiredText(rest.positional.removeFirst(), of: "select")
        return try elements(of: value).filtered { element throws(JinjaError) in
            let subject = try follow(path, from: element)
            guard let name else { return subject.isTrue == keeps }
            return try nested(at: line) { () throws(JinjaError) in try test(name, subject, rest) } == keeps
        }
    }

    private func joined(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["d", "attribute"], of: "join")
        let separator = try given[0].map { value throws(JinjaError) in try text(of: value) } ?? ""
        var result = ""
        for (index, element) in try elements(of: value).enumerated() {
            let piece = try text(of: try follow(given[1], from: element))
            try budget.take(textBytes: separator.utf8.count + piece.utf8.count)
            if index > 0 { result += separator }
            result += piece
        }
        return .string(result)
    }

    // MARK: - Order

    /// A stable sort with a comparison that may fail.
    private func sorted<Element>(
        _ elements: [Element],
        _ isLess: (Element, Element) throws(JinjaError) -> Bool
    ) throws(JinjaError) -> [Element] {
        guard elements.count > 1 else { return elements }
        let middle = elements.count / 2
        let left = try sorted(Array(elements[..<middle]), isLess)
        let right = try sorted(Array(elements[middle...]), isLess)
        var merged: [Element] = []
        merged.reserveCapacity(elements.count)
        var (first, second) = (0, 0)
        while first < left.count, second < right.count {
            if try isLess(right[second], left[first]) {
                merged.append(right[second])
                second += 1
            } else {
                merged.append(left[first])
                first += 1
            }
        }
        return merged + left[first...] + right[second...]
    }

    /// By keys; a descending order keeps what is equal in its order as well.
    private func sorted(
        _ elements: [Value],
        descending: Bool,
        by key: (Value) throws(JinjaError) -> Value
    ) throws(JinjaError) -> [Value] {
        var keyed: [(key: Value, value: Value)] = []
        for element in elements { keyed.append((key: try key(element), value: element)) }
        return try sorted(keyed) { left, right throws(JinjaError) in
            try descending ? isLess(right.key, left.key) : isLess(left.key, right.key)
        }.map(\.value)
    }

    private func sorted(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> [Value] {
        let given = try bind(arguments, to: ["reverse", "case_sensitive", "attribute"], of: "sort")
        // Several attributes with commas between them order one after the other.
        let paths: [Value?] =
            given[2]?.string.map { $0.pieces(separatedBy: ",").map { .string($0) } } ?? [given[2]]
        return try sorted(try elements(of: value), descending: given[0]?.isTrue ?? false) {
            element throws(JinjaError) in
            let keys = try paths.map { path throws(JinjaError) in
                try withoutCase(try follow(path, from: element), given[1])
            }
            return .list(List(keys))
        }
    }

    private func sortedMembers(of value: Value, _ arguments: CallArguments) throws(JinjaError) -> [Value] {
        let given = try bind(arguments, to: ["case_sensitive", "by", "reverse"], of: "dictsort")
        let side = try given[1].map { value throws(JinjaError) in try text(of: value) } ?? "key"
        guard ["key", "value"].contains(side) else {
            throw .value("You can only sort by either \"key\" or \"value\"")
        }
        if case .undefined(let undefined) = value { throw undefined.error }
        guard case .dictionary(let mapping) = value else { throw .type("dictsort needs a mapping") }
        return try sorted(pairs(of: mapping), descending: given[2]?.isTrue ?? false) { pair throws(JinjaError) in
            try withoutCase(try element(.integer(side == "key" ? 0 : 1), of: pair), given[0])
        }
    }

    private func uniqued(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> [Value] {
        let given = try bind(arguments, to: ["case_sensitive", "attribute"], of: "unique")
        var seen: Set<Key> = []
        return try elements(of: value).filtered { element throws(JinjaError) in
            seen.insert(try key(try withoutCase(try follow(given[1], from: element), given[0]))).inserted
        }
    }

    private func extreme(_ name: String, _ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["case_sensitive", "attribute"], of: name)
        var best: (key: Value, value: Value)?
        for element in try elements(of: value) {
            let key = try withoutCase(try follow(given[1], from: element), given[0])
            guard let current = best else {
                best = (key, element)
                continue
            }
            if try name == "min" ? isLess(key, current.key) : isLess(current.key, key) { best = (key, element) }
        }
        return best?.value ?? .undefined(Undefined(message: "No aggregated item, sequence was empty."))
    }

    private func grouped(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> [Value] {
        let given = try bind(arguments, to: ["attribute", "default", "case_sensitive"], of: "groupby")
        let path = try required(given[0], "attribute", of: "groupby")
        func key(_ element: Value) throws(JinjaError) -> Value {
            try withoutCase(try follow(path, from: element, default: given[1]), given[2])
        }
        var groups: [(key: Value, elements: [Value])] = []
        for element in try sorted(try elements(of: value), descending: false, by: key) {
            let key = try key(element)
            if let last = groups.last, try isEqual(last.key, key) {
                groups[groups.count - 1].elements.append(element)
            } else {
                groups.append((key: key, elements: [element]))
            }
        }
        return try groups.map { group throws(JinjaError) in
            // The key as the first element writes it.
            let name = try follow(path, from: group.elements[0], default: given[1])
            return .tuple(try counted([name, try list(group.elements)]))
        }
    }

    // MARK: - Numbers and rows

    private func sum(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        let given = try bind(arguments, to: ["attribute", "start"], of: "sum")
        var total = given[1] ?? .integer(0)
        if case .string = total { throw .type("sum() can't sum strings [use ''.join(seq) instead]") }
        for element in try elements(of: value) {
            total = try compute(.add, total, try follow(given[0], from: element))
        }
        return total
    }

    private func batches(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> [Value] {
        let given = try bind(arguments, to: ["linecount", "fill_with"], of: "batch")
        let size = try integer(try required(given[0], "linecount", of: "batch"), or: 1, of: "batch")
        guard size > 0 else { throw .value("batch needs a positive number") }
        let elements = try elements(of: value)
        var rows: [Value] = []
        for start in stride(from: 0, to: elements.count, by: size) {
            var row = Array(elements[start..<start + min(size, elements.count - start)])
            if let filler = given[1], filler.isFiller {
                try budget.take(elements: size - row.count)
                row += repeatElement(filler, count: size - row.count)
            }
            rows.append(try list(row))
        }
        return rows
    }

    private func columns(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> [Value] {
        let given = try bind(arguments, to: ["slices", "fill_with"], of: "slice")
        let count = try integer(try required(given[0], "slices", of: "slice"), or: 1, of: "slice")
        guard count > 0 else { throw .value("slice needs a positive number") }
        try budget.take(elements: count)
        let elements = try elements(of: value)
        let (size, extra) = elements.count.quotientAndRemainder(dividingBy: count)
        var start = 0
        var columns: [Value] = []
        for index in 0..<count {
            let end = start + size + (index < extra ? 1 : 0)
            var column = Array(elements[start..<end])
            if let filler = given[1], filler.isFiller, index >= extra { column.append(filler) }
            columns.append(try list(column))
            start = end
        }
        return columns
    }
}

extension Value {
    /// None stands for nothing to fill up with.
    fileprivate var isFiller: Bool {
        if case .none = self { false } else { true }
    }
}
