import Testing

@testable import Jinja

@Suite struct JinjaErrorTests {
    @Test(arguments: [
        ("a\n{{ x.y.z }}", 2), ("{% if 1 %}\n\n{{ 1 / 0 }}\n{% endif %}", 3), ("\n\n{% nothing %}", 3),
        ("{{ '\n\n' + 1 }}", 3), ("a\r\nb\r{{ 1 + }}", 3), ("{#\n\n#}{{ none | length }}", 3),
        ("{% macro m() %}\n{{ 1 / 0 }}\n{% endmacro %}\n{{ m() }}", 2), ("x\n{% raw %}\n", 2), ("x\n\n{# y", 3),
    ])
    func `an error names the line`(source: String, line: Int) {
        #expect(failure(source)?.line == line)
    }

    @Test func `a template that raises gives its own message`() {
        let error = failure("{{ raise_exception('Roles must alternate') }}")
        #expect(error?.code == .raised)
        #expect(error?.message == "Roles must alternate")
        #expect(error?.description == "Roles must alternate (line 1 of the template)")
    }

    @Test func `what is missing is named`() {
        #expect(failure("{{ a.b }}")?.message == "'a' is undefined")
        #expect(failure("{{ {'a': 1}.b.c }}")?.message == "'dict object' has no attribute 'b'")
        #expect(failure("{{ [1][5] + 1 }}")?.message == "list object has no element 5")
        #expect(failure("{% for x in none %}{% endfor %}")?.message == "'NoneType' object is not iterable")
    }
}
