/// A template of the Jinja language, as transformers sets jinja2 up for chat templates: a sandbox in which nothing can be
/// changed in place, `trim_blocks`, `lstrip_blocks`, loop controls, and the extra functions `raise_exception` and
/// `strftime_now`.
///
/// A pure value: rendering reads nothing but its arguments and always ends, within `Limits` and a `Budget`.
package struct Template: Sendable {
    private let statements: [Statement]

    /// - Throws: `syntax` or `unsupported` with the line, `tooLarge` beyond `Limits`.
    package init(_ source: String) throws(JinjaError) {
        self.statements = try Parser.statements(of: source)
    }

    /// The text that the template makes of `variables`.
    ///
    /// - Parameters:
    ///   - now: what `strftime_now` tells.
    ///   - budget: what the rendering may use.
    /// - Throws: ``JinjaError`` with the line at which it happened.
    package func render(
        _ variables: [String: Value],
        now: DateTime,
        budget: Budget = Budget()
    ) throws(JinjaError) -> String {
        let renderer = Renderer(variables: variables, now: now, budget: budget)
        defer { renderer.releaseCaptured() }
        do {
            return try renderer.render(statements)
        } catch {
            var error = error
            if error.line == nil { error.line = renderer.line }
            throw error
        }
    }
}
