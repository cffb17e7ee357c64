internal import Metrics

/// What a server counts of requests and answers on their way, through swift-metrics.
struct ExchangeMetrics: Sendable {
    private let network = Timer(label: "kwaai_step_network_seconds")
    private let serialise = Timer(label: "kwaai_step_serialise_seconds")
    private let requestBytes = Counter(label: "kwaai_step_request_bytes_total")
    private let answerBytes = Counter(label: "kwaai_step_answer_bytes_total")

    /// A request was received and its answer handed over: what the other side and the line were waited for.
    func exchanged(request: Int, answer: Int, took duration: Duration) {
        self.requestBytes.increment(by: request)
        self.answerBytes.increment(by: answer)
        self.network.record(duration: duration)
    }

    /// A request was read and its answer written, from and to the bytes of the protocol.
    func serialised(in duration: Duration) {
        self.serialise.record(duration: duration)
    }
}
