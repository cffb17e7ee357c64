/// The bound of everything that a template or a conversation can make `Jinja` hold or do, each with its reason
/// (DESIGN.md §7). Templates come from strangers, with the models.
package enum Limits {
    /// Bytes of a template; the largest published ones stay below 64 KiB.
    package static let sourceBytes = 1 << 20
    /// Brackets, statements and prefix operators within one another: the parser recurses for each, and real templates
    /// stay below 15.
    package static let nesting = 40
    /// How deep an expression may be, long chains such as `a + b + …` included: evaluation recurses.
    package static let expressionDepth = 160
    /// Statements, expressions and macro calls within one another while rendering; a macro that walks a schema takes
    /// eight for each of its levels. All of them fit into the 512 KiB of stack that the smallest threads have.
    package static let evaluationDepth = 200
    /// Lists and dictionaries within one another: comparing, printing and freeing them recurses.
    package static let valueDepth = 96
    /// Elements of one `range`, as jinja2's sandbox bounds it.
    package static let rangeElements = 100_000
    /// The widest field and the most decimals that a format may ask for.
    package static let formatWidth = 1 << 16
}

/// What one rendering may use; it only shrinks.
///
/// Everything that a rendering makes is counted when it is made, whether or not it is kept, so memory stays below these
/// bounds as well.
package struct Budget: Sendable {
    /// Expressions and statements run: a real conversation takes some hundred for each message.
    package var steps: Int
    /// Bytes of text made or looked through: a template copies a message about five times.
    package var textBytes: Int
    /// Elements of lists and dictionaries made.
    package var elements: Int

    package init(steps: Int = 1 << 21, textBytes: Int = 128 << 20, elements: Int = 1 << 21) {
        self.steps = steps
        self.textBytes = textBytes
        self.elements = elements
    }

    mutating func takeStep() throws(JinjaError) {
        steps -= 1
        guard steps >= 0 else { throw .tooLarge("rendering takes too many steps") }
    }

    mutating func take(textBytes count: Int) throws(JinjaError) {
        textBytes -= count
        guard textBytes >= 0 else { throw .tooLarge("rendering makes too much text") }
    }

    mutating func take(elements count: Int) throws(JinjaError) {
        elements -= count
        guard elements >= 0 else { throw .tooLarge("rendering makes too many values") }
    }
}
