import CoreMetrics
import Testing

@testable import Prometheus

@Suite struct PrometheusRegistryTests {
    private let registry = PrometheusRegistry()

    @Test func `counters and gauges are written with their labels, sorted`() {
        let ok = Counter(label: "steps_total", dimensions: [("code", "ok")], factory: self.registry)
        let busy = Counter(label: "steps_total", dimensions: [("code", "busy")], factory: self.registry)
        Meter(label: "sessions", factory: self.registry).set(3)
        ok.increment(by: 2)
        busy.increment()
        #expect(
            self.registry.exposition() == """
                # TYPE sessions gauge
                sessions 3.0
                # TYPE steps_total counter
                steps_total{code="busy"} 1
                steps_total{code="ok"} 2

                """
        )
    }

    @Test func `two handles of one name count together`() {
        Counter(label: "a", factory: self.registry).increment()
        Counter(label: "a", factory: self.registry).increment()
        #expect(self.registry.exposition().contains("\na 2\n"))
    }

    @Test func `a histogram's buckets are cumulative`() {
        let rows = Recorder(label: "rows", factory: self.registry)
        for value in [1, 3, 3, 5000] { rows.record(value) }
        let lines = self.registry.exposition().split(separator: "\n")
        #expect(lines.first == "# TYPE rows histogram")
        #expect(lines.contains("rows_bucket{le=\"1.0\"} 1"))
        #expect(lines.contains("rows_bucket{le=\"2.0\"} 1"))
        #expect(lines.contains("rows_bucket{le=\"4.0\"} 3"))
        #expect(lines.contains("rows_bucket{le=\"1024.0\"} 3"))
        #expect(lines.suffix(3) == ["rows_bucket{le=\"+Inf\"} 4", "rows_sum 5007.0", "rows_count 4"])
    }

    @Test func `times are seconds`() {
        Timer(label: "wait", factory: self.registry).recordNanoseconds(1_500_000)
        let text = self.registry.exposition()
        #expect(text.contains("wait_sum 0.0015\n"))
        #expect(text.contains("wait_bucket{le=\"0.001\"} 0\n"))
        #expect(text.contains("wait_bucket{le=\"0.002\"} 1\n"))
    }

    @Test func `what stands in a label cannot break its line`() {
        Counter(label: "a", dimensions: [("b", "x\"\\\ny")], factory: self.registry).increment()
        #expect(self.registry.exposition().contains(#"a{b="x\"\\\ny"} 1"#))
    }

    @Test func `a name of another kind, and more names than there is room for, are not told`() {
        Counter(label: "a", factory: self.registry).increment()
        Meter(label: "a", factory: self.registry).set(7)
        for number in 0..<2 * Limits.series { Counter(label: "n\(number)", factory: self.registry).increment() }
        let lines = self.registry.exposition().split(separator: "\n")
        #expect(lines.contains("a 1"))
        #expect(lines.count == 2 * Limits.series)
    }
}
