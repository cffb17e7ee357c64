/// `'{} {0} {name}'.format(…)`, without the small language behind a colon.
extension Renderer {
    func format(_ format: String, _ arguments: CallArguments) throws(JinjaError) -> Value {
        var result = ""
        var next = 0
        var rest = Substring(format)
        while let character = rest.popFirst() {
            switch character {
            case "{" where rest.first == "{", "}" where rest.first == "}":
                rest.removeFirst()
                result.append(character)
            case "{":
                guard let end = rest.firstIndex(of: "}") else {
                    throw .value("expected '}' before end of string")
                }
                let field = String(rest[..<end])
                rest = rest[rest.index(after: end)...]
                result += try text(ofField: field, arguments, &next)
            case "}": throw .value("Single '}' encountered in format string")
            case _: result.append(character)
            }
        }
        return try string(result)
    }

    private func text(
        ofField field: String,
        _ arguments: CallArguments,
        _ next: inout Int
    ) throws(JinjaError) -> String {
        var name = field
        var isRepresentation = false
        if name.hasSuffix("!r") || name.hasSuffix("!s") {
            isRepresentation = name.hasSuffix("!r")
            name.removeLast(2)
        }
        guard !name.utf8.contains(where: { ":!.[{".utf8.contains($0) }) else {
            throw .unsupported("the field {\(field)} of a format is not known here: use a filter")
        }
        let value: Value
        if name.isEmpty || Int(name) != nil {
            let index = Int(name) ?? next
            if name.isEmpty { next += 1 }
            guard arguments.positional.indices.contains(index) else {
                throw .value("Replacement index \(index) out of range for positional args tuple")
            }
            value = arguments.positional[index]
        } else {
            guard let keyword = arguments.keywords.last(where: { $0.name == name }) else { throw .value("'\(name)'") }
            value = keyword.value
        }
        return try isRepresentation ? representation(of: value) : text(of: value)
    }
}
