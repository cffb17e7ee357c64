/// The functions that every template knows, and calling whatever can be called.
extension Renderer {
    static func global(_ name: String) -> Value? {
        switch name {
        case "range", "dict", "namespace", "cycler", "joiner", "raise_exception", "strftime_now":
            .callable(.global(name))
        case _: nil
        }
    }

    func call(_ value: Value, _ arguments: CallArguments) throws(JinjaError) -> Value {
        switch value {
        case .undefined(let undefined): throw undefined.error
        case .callable(.global(let name)): return try callGlobal(name, arguments)
        case .callable(.method(let receiver, let name)): return try callMethod(name, of: receiver, arguments)
        case .callable(.macro(let macro)): return try call(macro, arguments)
        case .callable(.loop(let loop)), .loop(let loop):
            let given = try bind(arguments, to: ["iterable"], of: "loop")
            return .string(try recurse(loop, over: try required(given[0], "iterable", of: "loop")))
        case .callable(.joiner(let joiner)):
            defer { joiner.isUsed = true }
            return joiner.isUsed ? joiner.separator : .string("")
        case .none, .boolean, .integer, .float, .string, .list, .tuple, .dictionary, .view, .generator, .namespace,
            .callable(.cycler):
            throw .type("'\(value.typeName)' object is not callable")
        }
    }

    private func callGlobal(_ name: String, _ arguments: CallArguments) throws(JinjaError) -> Value {
        switch name {
        case "range": return try range(arguments)
        case "dict": return try dictionary(try mapping(of: arguments, function: "dict"))
        case "namespace":
            let attributes = try mapping(of: arguments, function: "namespace")
            for key in attributes.keys {
                if let name = key.string { try Self.checkNamespaceName(name) }
            }
            guard case .dictionary(let counted) = try dictionary(attributes) else { return .none }
            return try makeNamespace(counted)
        case "raise_exception":
            let given = try bind(arguments, to: ["message"], of: name)
            throw JinjaError(.raised, try text(of: try required(given[0], "message", of: name)))
        case "strftime_now":
            let given = try bind(arguments, to: ["format"], of: name)
            let format = try requiredText(try required(given[0], "format", of: name), of: name)
            try budget.take(textBytes: format.utf8.count)
            return try string(now.formatted(format))
        case "cycler":
            guard !arguments.positional.isEmpty else { throw .value("at least one item has to be provided") }
            return .callable(.cycler(Cycler(try counted(arguments.positional))))
        case _:
            let given = try bind(arguments, to: ["sep"], of: "joiner")
            return .callable(
                .joiner(
                    Joiner(
                        .string(
                            try given[0].map { value throws(JinjaError) in
                                try text(of: value)
                            } ?? ", "
                        )
                    )
                )
            )
        }
    }

    private func range(_ arguments: CallArguments) throws(JinjaError) -> Value {
        guard arguments.keywords.isEmpty else { throw .type("range() takes no keyword arguments") }
        guard (1...3).contains(arguments.positional.count) else {
            throw .type("range expected from 1 to 3 arguments, got \(arguments.positional.count)")
        }
        var numbers: [Int] = []
        for value in arguments.positional { numbers.append(try integer(value, or: 0, of: "range")) }
        let start = numbers.count > 1 ? numbers[0] : 0
        let end = numbers.count > 1 ? numbers[1] : numbers[0]
        let step = numbers.count > 2 ? numbers[2] : 1
        guard step != 0 else { throw .value("range() arg 3 must not be zero") }
        let (span, overflows) = end.subtractingReportingOverflow(start)
        let count = overflows ? .max : max(0, span / step + (span % step != 0 && (span < 0) == (step < 0) ? 1 : 0))
        guard count <= Limits.rangeElements else {
            throw .arithmetic(
                "Range too big. The sandbox blocks ranges larger than MAX_RANGE (\(Limits.rangeElements))."
            )
        }
        let list = try counted((0..<count).map { .integer(start + $0 * step) })
        return .view(View(kind: .range, list: list, end: end))
    }

    /// What `dict(…)` makes of a dictionary or of pairs, and of keywords.
    private func mapping(of arguments: CallArguments, function: String) throws(JinjaError) -> Mapping {
        guard arguments.positional.count <= 1 else {
            throw .type("\(function) expected at most 1 argument, got \(arguments.positional.count)")
        }
        var result = Mapping()
        if case .dictionary(let mapping)? = arguments.positional.first {
            result = mapping
        } else if let first = arguments.positional.first {
            for pair in try elements(of: first) {
                let halves = try elements(of: pair)
                guard halves.count == 2 else { throw .value("dictionary update needs pairs") }
                result.set(halves[0], at: try key(halves[0]), to: halves[1])
            }
        }
        for keyword in arguments.keywords { result.set(keyword.name, to: keyword.value) }
        return result
    }

    // MARK: - Methods of what is no text

    private func callMethod(
        _ name: String,
        of receiver: Value,
        _ arguments: CallArguments
    ) throws(JinjaError) -> Value {
        switch receiver {
        case .string(let text): return try callMethod(name, of: text, arguments)
        case .dictionary(let mapping): return try callMethod(name, of: mapping, arguments)
        case .list(let list), .tuple(let list): return try callMethod(name, of: receiver, list, arguments)
        case .loop(let loop): return try callMethod(name, of: loop, arguments)
        case .callable(.cycler(let cycler)):
            _ = try bind(arguments, to: [], of: name)
            guard name == "next" else {
                cycler.position = 0
                return .none
            }
            defer { cycler.position = (cycler.position + 1) % cycler.items.elements.count }
            return cycler.items.elements[cycler.position]
        case _:
            let given = try bind(arguments, to: ["iterable", "value"], of: name)
            var mapping = Mapping()
            for name in try elements(of: try required(given[0], "iterable", of: name)) {
                mapping.set(name, at: try key(name), to: given[1] ?? .none)
            }
            return try dictionary(mapping)
        }
    }

    private func callMethod(
        _ name: String,
        of mapping: Mapping,
        _ arguments: CallArguments
    ) throws(JinjaError) -> Value {
        if name == "get" {
            let given = try bind(arguments, to: ["key", "default"], of: name)
            return mapping[try key(try required(given[0], "key", of: name))] ?? given[1] ?? .none
        }
        _ = try bind(arguments, to: [], of: name)
        switch name {
        case "keys": return .view(View(kind: .keys, list: try counted(mapping.keys)))
        case "values": return .view(View(kind: .values, list: try counted(mapping.values)))
        case "items": return .view(View(kind: .items, list: try counted(pairs(of: mapping))))
        case _: return try dictionary(mapping)
        }
    }

    /// The members of a dictionary as tuples.
    func pairs(of mapping: Mapping) -> [Value] { mapping.pairs.map { .tuple(List([$0.key, $0.value])) } }

    private func callMethod(
        _ name: String,
        of receiver: Value,
        _ list: List,
        _ arguments: CallArguments
    ) throws(JinjaError) -> Value {
        if name == "copy" {
            _ = try bind(arguments, to: [], of: name)
            return receiver
        }
        let given = try bind(arguments, to: ["value"], of: name)
        let wanted = try required(given[0], "value", of: name)
        var count = 0
        for (index, element) in list.elements.enumerated() where try isEqual(element, wanted) {
            if name == "index" { return .integer(index) }
            count += 1
        }
        if name == "count" { return .integer(count) }
        throw .value("\(try representation(of: wanted)) is not in \(receiver.typeName)")
    }

    private func callMethod(_ name: String, of loop: Loop, _ arguments: CallArguments) throws(JinjaError) -> Value {
        if name == "cycle" {
            guard !arguments.positional.isEmpty else { throw .type("no items for cycling given") }
            return arguments.positional[loop.index % arguments.positional.count]
        }
        // Kept until the next call: it is counted, and its depth bounded, as a list would be.
        let values = try counted(arguments.positional)
        defer { loop.lastChecked = values.elements }
        guard let last = loop.lastChecked else { return .boolean(true) }
        return .boolean(!(try isEqual(.list(List(last)), .list(values))))
    }
}
