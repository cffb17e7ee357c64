import Testing

@testable import Jinja

extension FuzzTests {
    @Test func `the Jinja reader survives whatever a template says`() {
        let variables: [String: Value] = [
            "messages": .list(List(["system", "user", "assistant", "tool"].map(Self.message))),
            "tools": .list(List([.dictionary(Mapping([("name", .string("now")), ("é", .float(0.1))]))])),
            "n": .integer(3), "none": .none, "s": .string("a🦙e\u{301} \n</think>\r\n{%"),
        ]
        fuzz("jinja", words: Self.words, make: Self.template) { bytes in
            let template = try Template(String(decoding: bytes, as: UTF8.self))
            let budget = Budget(steps: 20_000, textBytes: 1 << 20, elements: 1 << 14)
            let text = try template.render(variables, now: DateTime(year: 2025, month: 1, day: 5), budget: budget)
            #expect(text.utf8.count <= 1 << 20)
            return true
        }
    }

    private static func message(_ role: String) -> Value {
        .dictionary(Mapping([("role", .string(role)), ("content", .string(" Hello, \(role)!\n"))]))
    }

    /// Sound statements one after another, of which some hold each other, and some bytes of the whole changed.
    private static func template(_ random: inout Mutator) -> [UInt8] {
        var source = ""
        for _ in 0..<Int.random(in: 1...5, using: &random) {
            var part = Self.part(&random)
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                part = random.pick(Self.frames).replacing("@", with: part)
            }
            source += part
        }
        return random.chance(3) ? Array(source.utf8) : random.bytes(Array(source.utf8))
    }

    private static func part(_ random: inout Mutator) -> String {
        var expression = random.pick(Self.operands)
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let shape = random.pick(Self.shapes)
            expression = shape.replacing("@", with: expression).replacing("#", with: random.pick(Self.operands))
        }
        return random.pick(["{{ @ }}", "{{- @ -}}", "{% set x = @ %}", "{% if @ %}x{% endif %}", "{% print @ %}"])
            .replacing("@", with: expression)
    }

    private static let operands = [
        "1", "-1", "0", "2.5", "1e308", "9223372036854775807", "'a b'", "''", "'%s %5.2f %d'", "'{}{0}'",
        "[1, 'a', none]",
        "(1,)", "{'a': 1, 2: [3]}", "[]", "{}", "messages", "messages[0]", "tools", "s", "n", "x", "loop", "loop.index",
        "ns", "m", "caller", "range(5)", "dict(a=1)", "namespace(a=1)", "true", "none", "'é🦙'",
    ]

    private static let shapes = [
        "@ + #", "@ * #", "@ - #", "@ / #", "@ // #", "@ % #", "@ ** #", "@ ~ #", "@ == #", "@ < #", "@ in #",
        "@ and #", "not @", "-(@)", "(@)", "[@, #]", "{#: @}", "@ if # else @", "(@)[#]", "(@)[#:]", "(@)[::#]",
        "(@).a", "(@).items()", "(@)(#)", "m(@, b=#)", "loop.cycle(@, #)", "(@) is defined", "(@) is divisibleby #",
        "(@) | map('upper') | list", "(@) | map(attribute=#) | list", "(@) | select(#) | list",
        "(@) | selectattr('role', 'equalto', #) | list", "(@) | sort", "(@) | tojson(indent=#)", "(@) | join(#)",
        "(@) | replace(#, #)", "(@) | indent(#)", "(@) | batch(#) | list", "(@) | slice(#) | list", "(@) | dictsort",
        "(@) | groupby(#)", "(@) | unique | list", "(@) | round(#)", "(@) | int", "(@) | string | length",
        "(@) | truncate(#)", "(@) | default(#, true)", "(@) | reverse | list", "(@) | title", "(@) | format(#)",
        "(@) | string | list | sum(start=#)", "(@).split(#)", "(@).strip(#)", "(@).replace(#, 'zz')", "(@).join(#)",
        "(@).format(#, #)", "(@).rsplit(none, #)", "(@).splitlines()", "(@).center(#)", "(@).find(#)",
        "strftime_now(@)",
        "range(@, #)", "raise_exception(@)",
    ]

    private static let frames = [
        "{% for x in messages %}@{% endfor %}", "{% for x in range(9) if x is odd %}@{% else %}none{% endfor %}",
        "{% for x in [[1], 2] recursive %}@{{ loop(x) if x is iterable }}{% endfor %}",
        "{% for k, v in {'a': 1}.items() %}@{% break %}{% endfor %}", "{% if n %}@{% elif s %}b{% else %}c{% endif %}",
        "{% macro m(a, b=2) %}@{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, c=4) }}",
        "{% macro m(a) %}@{{ caller(a) if caller }}{% endmacro %}{% call(v) m(5) %}{{ v }}{% endcall %}",
        "{% set ns = namespace(a=[]) %}@{% set ns.a = [ns.a, ns] %}{{ ns.a }}", "{% set x %}@{% endset %}{{ x }}",
        "{% filter upper %}@{% endfilter %}", "{% with y = 1 %}@{% endwith %}", "{% generation %}@{% endgeneration %}",
        "{% raw %}@{% endraw %}", "{# @ #}", "  {%- if 1 -%}\n@\n{%- endif +%}\n",
    ]

    private static let words = [
        "{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", "+%}", "(", ")", "[", "]", "{", "}", ":", ",", ".", "|", "~",
        "**", "//", "==", "=", "'", "\"", "\\", "\\u", "\n", "\r", " is ", " not ", " in ", " if ", " else ", " for ",
        " endfor ", " endif ", "loop", "recursive", "set ", "macro ", "call ", "self", "__class__", "9999999999", "*",
        "1",
        "m()", "m(", "join", "map", "tojson", "raw", "endraw",
    ]
}
