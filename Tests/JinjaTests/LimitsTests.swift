import Foundation
import Testing

@testable import Jinja

@Suite struct LimitsTests {
    @Test func `a source at the bound is read, a byte more is refused`() {
        let source = String(repeating: "x", count: Limits.sourceBytes)
        #expect(failure(source) == nil)
        #expect(failure(source + "x")?.code == .tooLarge)
    }

    @Test(arguments: [
        ("{{ ", "(", "1", ")", " }}"), ("{{ ", "[", "", "]", " }}"), ("{{ ", "not ", "1", "", " }}"),
        ("{{ ", "-", "1", "", " }}"), ("", "{% if 1 %}", "x", "{% endif %}", ""),
        ("{% set ", "(", "a", ")", " = 1 %}"), ("{{ ", "1 if 0 else ", "1", "", " }}"),
        ("{{ ", "x is eq [", "1", "]", " }}"), ("", "{% macro m() %}", "", "{% endmacro %}", ""),
    ])
    func `nesting ends at the bound, not at the end of the stack`(
        head: String,
        open: String,
        inner: String,
        close: String,
        tail: String
    ) {
        func source(_ depth: Int) -> String {
            head + String(repeating: open, count: depth) + inner + String(repeating: close, count: depth) + tail
        }
        #expect(failure(source(Limits.nesting / 2 - 2)) == nil)
        #expect(failure(source(Limits.nesting + 1))?.code == .tooLarge)
        #expect(failure(source(20_000))?.code == .tooLarge)
    }

    @Test(arguments: ["1 + ", "1 * ", "'a' ~ ", "1 and ", "1 or ", "1 < "])
    func `a chain of operators is bounded where evaluation would recurse`(link: String) {
        func source(_ count: Int) -> String { "{{ " + String(repeating: link, count: count) + "1 }}" }
        #expect(failure(source(Limits.expressionDepth - 1)) == nil)
        // What is kept flat needs no bound.
        let isFlat = link.contains("~") || link.contains("<")
        #expect(failure(source(5_000))?.code == (isFlat ? nil : .tooLarge))
    }

    @Test func `chains of filters and of attributes are bounded`() {
        #expect(failure("{{ 'a'" + String(repeating: " | upper", count: 5_000) + " }}")?.code == .tooLarge)
        #expect(failure("{{ a" + String(repeating: "[0]", count: 5_000) + " }}")?.code == .tooLarge)
    }

    @Test func `a macro that calls itself without end is stopped`() {
        #expect(failure("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")?.code == .tooLarge)
        let loop = "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"
        #expect(failure(loop)?.code == .tooLarge)
    }

    @Test func `recursion at its deepest fits into the stack of a small thread`() async {
        let sources = [
            "{% macro m(n) %}{% if true %}{% for x in [1] %}{{ [m(n + 1)] | join }}{% endfor %}{% endif %}{% endmacro %}"
                + "{{ m(0) }}",
            "{% macro m() %}{% set x %}{% filter upper %}{{ 'a' ~ m() }}{% endfilter %}{% endset %}{% endmacro %}{{ m() }}",
            "{% macro m() %}{{ caller() }}{% call m() %}x{% endcall %}{% endmacro %}{% call m() %}x{% endcall %}",
            "{% macro m() %}{{ [1] | map('default') | list ~ (1 if m() else 2) }}{% endmacro %}{{ m() }}",
            "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        ]
        let codes = await withCheckedContinuation { continuation in
            let thread = Thread {
                continuation.resume(returning: sources.map { failure($0)?.code })
            }
            thread.stackSize = 512 << 10
            thread.start()
        }
        #expect(codes == sources.map { _ in .tooLarge })
    }

    @Test func `steps, text and elements are bounded`() {
        let loops =
            "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}{% endfor %}"
            + "{% endfor %}{% endfor %}"
        #expect(failure(loops, budget: Budget(steps: 100_000))?.code == .tooLarge)
        #expect(failure("{{ 'x' * 9223372036854775807 }}")?.code == .tooLarge)
        #expect(failure("{{ ['x'] * 9223372036854775807 }}")?.code == .tooLarge)
        let doubling = "{% set ns = namespace(s='x') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}"
        #expect(failure(doubling, budget: Budget(textBytes: 1 << 20))?.code == .tooLarge)
        #expect(failure("{{ '%1000000000d' % 1 }}")?.code == .tooLarge)
        #expect(failure("{{ 'a' | center(100000000) }}")?.code == .tooLarge)
        #expect(failure("{{ 'abc' | replace('', 'x' * 300) }}", budget: Budget(textBytes: 1200))?.code == .tooLarge)
    }

    @Test func `a budget at the bound suffices, one less does not`() throws {
        let source = "{{ 'ab' ~ 'cd' }}"
        #expect(failure(source, budget: Budget(steps: 4)) == nil)
        #expect(failure(source, budget: Budget(steps: 3))?.code == .tooLarge)
        #expect(failure(source, budget: Budget(textBytes: 8)) == nil)
        #expect(failure(source, budget: Budget(textBytes: 7))?.code == .tooLarge)
        #expect(failure("{{ [1, 2] }}", budget: Budget(elements: 2)) == nil)
        #expect(failure("{{ [1, 2] }}", budget: Budget(elements: 1))?.code == .tooLarge)
    }

    @Test func `values nest up to the bound, and are then freed and printed safely`() {
        func source(_ depth: Int) -> String {
            "{% set ns = namespace(a=[]) %}{% for i in range(\(depth)) %}{% set ns.a = [ns.a] %}{% endfor %}"
                + "{{ ns.a == ns.a }}{{ ns.a | string | length }}"
        }
        #expect(failure(source(Limits.valueDepth - 1)) == nil)
        #expect(failure(source(Limits.valueDepth))?.code == .tooLarge)
    }

    @Test func `long chains of what holds one another are freed without recursion`() {
        let namespaces =
            "{% set ns = namespace() %}{% for i in range(50000) %}"
            + "{% set ns.next = namespace(next=ns.next) %}{% endfor %}"
        #expect(failure(namespaces) == nil)
        let macros =
            "{% set ns = namespace() %}{% for i in range(50000) %}{% set before = ns.m %}"
            + "{% macro m() %}{{ before }}{% endmacro %}{% set ns.m = m %}{% endfor %}"
        #expect(failure(macros) == nil)
        let loops =
            "{% set ns = namespace() %}{% for i in range(50000) %}{% set before = ns.l %}"
            + "{% for x in [1] recursive %}{% set ns.l = loop %}{% endfor %}{% endfor %}"
        #expect(failure(loops) == nil)
    }

    @Test func `integers that leave 64 bits are refused`() {
        for source in [
            "9223372036854775807 + 1", "9223372036854775807 * 2", "-9223372036854775807 - 2", "2 ** 63",
            "99999999999999999999", "1e300 | int", "(-9223372036854775807 - 1) // -1", "-(-9223372036854775807 - 1)",
            "(-9223372036854775807 - 1) | abs",
        ] {
            #expect(failure("{{ \(source) }}")?.code == .tooLarge, "\(source)")
        }
        #expect(failure("{{ (-9223372036854775807 - 1) % -1 }}") == nil)
    }

    @Test func `searching is linear in hostile texts`() throws {
        let source = "{{ ('a' * 2000000) | replace('a' * 100000 ~ 'b', 'c') | length }}"
        #expect(try render(source) == "2000000")
    }
}
