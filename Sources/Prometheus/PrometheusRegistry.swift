public import CoreMetrics
internal import Synchronization

/// The counters, gauges and histograms of this process, for Prometheus to read.
///
/// Whoever measures does so through swift-metrics; `MetricsSystem.bootstrap` with this makes it count. Names and
/// dimensions come from our own sources, never from a peer, and no more than ``Limits/series`` of them are kept.
public final class PrometheusRegistry: Sendable {
    /// One line of a metric, or the lines of one histogram.
    struct Series: Hashable, Comparable {
        var name: String
        /// As Prometheus writes them: `a="b",c="d"`.
        var labels: String

        init(_ name: String, _ dimensions: [(String, String)]) {
            self.name = name
            self.labels = dimensions.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
        }

        static func < (left: Series, right: Series) -> Bool {
            left.name == right.name ? left.labels < right.labels : left.name < right.name
        }

        private static func escaped(_ value: String) -> String {
            value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
        }
    }

    private let series = Mutex<[Series: any PrometheusMetric]>([:])

    public init() {}

    /// Everything in Prometheus' text format, version 0.0.4, sorted by name.
    public func exposition() -> String {
        let series = self.series.withLock { $0.sorted { $0.key < $1.key } }
        var text = ""
        var previous: String?
        for (series, metric) in series {
            if series.name != previous { text += "# TYPE \(series.name) \(metric.type)\n" }
            previous = series.name
            metric.write(series, to: &text)
        }
        return text
    }

    /// The metric of that name, made now where there is none; one that counts for nobody where there are too many, or
    /// where the name belongs to another kind.
    private func metric<Metric: PrometheusMetric>(
        _ name: String,
        _ dimensions: [(String, String)],
        _ make: () -> Metric
    ) -> Metric {
        let key = Series(name, dimensions)
        return self.series.withLock { series in
            if let known = series[key] as? Metric { return known }
            let metric = make()
            if series[key] == nil, series.count < Limits.series { series[key] = metric }
            return metric
        }
    }
}

extension PrometheusRegistry: MetricsFactory {
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        self.metric(label, dimensions) { PrometheusCounter() }
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        self.metric(label, dimensions) { PrometheusGauge() }
    }

    /// A histogram of counts where `aggregate`, a gauge where not.
    public func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return self.metric(label, dimensions) { PrometheusGauge() } }
        return self.metric(label, dimensions) { PrometheusHistogram(bounds: PrometheusHistogram.counts) }
    }

    /// A histogram of seconds.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.metric(label, dimensions) { PrometheusHistogram(bounds: PrometheusHistogram.seconds) }
    }

    // What was counted stays: Prometheus takes a number that is gone for a restart.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}
}
