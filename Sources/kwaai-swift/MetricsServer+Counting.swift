import Metrics
import Prometheus

extension MetricsServer {
    /// One that tells what this process counts from now on. Once in a process, before anything is counted.
    static func counting(at address: MetricsAddress) -> MetricsServer {
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        return MetricsServer(registry, at: address)
    }
}
