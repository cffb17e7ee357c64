import StrictJSON
import Testing

@testable import Jinja

/// One template and what jinja2 made of it; `Fixtures/render.py` writes them.
struct Rendered: Sendable, CustomTestStringConvertible {
    let source: String
    /// nil where it failed.
    let text: String?
    let code: String
    let message: String

    var testDescription: String { source.debugDescription }

    static let variables = (try? Fixtures.json(Fixtures.path + "/rendered.json"))?["variables"]?.members ?? []

    static let all = ((try? Fixtures.json(Fixtures.path + "/rendered.json"))?["cases"]?.array ?? []).map { file in
        Rendered(
            source: file["source"]?.string ?? "",
            text: file["text"]?.string,
            code: file["code"]?.string ?? "",
            message: file["message"]?.string ?? ""
        )
    }
}

@Suite struct RenderedTests {
    @Test func `the fixture holds what render.py wrote`() {
        #expect(Rendered.all.count > 300)
    }

    @Test(arguments: Rendered.all)
    func `a template gives what jinja2 gives`(rendered: Rendered) {
        let variables = Dictionary(uniqueKeysWithValues: Rendered.variables.map { ($0.key, Value($0.value)) })
        do {
            let text = try render(rendered.source, variables)
            #expect(
                rendered.text.map { Array($0.utf8) } == Array(text.utf8),
                "\(text) instead of \(rendered.text ?? rendered.message)"
            )
        } catch {
            #expect(rendered.text == nil, "\(error) instead of \(rendered.text ?? "")")
            #expect(error.code.rawValue == rendered.code, "\(error) instead of \(rendered.message)")
        }
    }
}
