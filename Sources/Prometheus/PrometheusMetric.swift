internal import CoreMetrics
internal import Synchronization

/// What stands behind one name and its labels.
protocol PrometheusMetric: Sendable {
    /// As a `# TYPE` line has it.
    var type: String { get }

    func write(_ series: PrometheusRegistry.Series, to text: inout String)
}

extension PrometheusRegistry.Series {
    /// One line.
    func line(_ value: some CustomStringConvertible, suffix: String = "", more: String? = nil) -> String {
        let labels = [self.labels, more ?? ""].filter { !$0.isEmpty }.joined(separator: ",")
        return "\(self.name)\(suffix)\(labels.isEmpty ? "" : "{\(labels)}") \(value)\n"
    }
}

final class PrometheusCounter: PrometheusMetric, CounterHandler {
    private let count = Mutex<Int64>(0)

    var type: String { "counter" }

    func increment(by amount: Int64) {
        self.count.withLock { $0 &+= max(amount, 0) }
    }

    func reset() {
        self.count.withLock { $0 = 0 }
    }

    func write(_ series: PrometheusRegistry.Series, to text: inout String) {
        text += series.line(self.count.withLock { $0 })
    }
}

final class PrometheusGauge: PrometheusMetric, MeterHandler, RecorderHandler {
    private let value = Mutex(0.0)

    var type: String { "gauge" }

    func set(_ value: Int64) { self.set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { self.value.withLock { $0 += amount } }
    func decrement(by amount: Double) { self.value.withLock { $0 -= amount } }
    func record(_ value: Int64) { self.set(value) }
    func record(_ value: Double) { self.set(value) }

    func write(_ series: PrometheusRegistry.Series, to text: inout String) {
        text += series.line(self.value.withLock { $0 })
    }
}

final class PrometheusHistogram: PrometheusMetric, RecorderHandler, TimerHandler {
    /// From a brief step's 50 µs to a long prefill's 30 s.
    static let seconds = [
        50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 0.1, 0.2, 0.5, 1, 5, 30,
    ]

    /// Rows of a pass, and whatever else is counted in small numbers.
    static let counts: [Double] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

    private struct State {
        /// How many were at most each bound, and above the one before; the last: above all.
        var counts: [Int]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    init(bounds: [Double]) {
        self.bounds = bounds
        self.state = Mutex(State(counts: [Int](repeating: 0, count: bounds.count + 1)))
    }

    var type: String { "histogram" }

    func record(_ value: Int64) { self.record(Double(value)) }

    func record(_ value: Double) {
        let bucket = self.bounds.firstIndex { value <= $0 } ?? self.bounds.count
        self.state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func recordNanoseconds(_ duration: Int64) { self.record(Double(duration) / 1e9) }

    func write(_ series: PrometheusRegistry.Series, to text: inout String) {
        let state = self.state.withLock { $0 }
        var count = 0
        for (bound, own) in zip(self.bounds, state.counts) {
            count += own
            text += series.line(count, suffix: "_bucket", more: "le=\"\(bound)\"")
        }
        count += state.counts.last ?? 0
        text += series.line(count, suffix: "_bucket", more: "le=\"+Inf\"")
        text += series.line(state.sum, suffix: "_sum")
        text += series.line(count, suffix: "_count")
    }
}
