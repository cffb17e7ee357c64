internal import Metrics
internal import ShardProtocol

/// What a server counts of its sessions, steps and passes, through swift-metrics.
///
/// `kwaai_pass_rows_sum / kwaai_pass_rows_count` is how many tokens share one reading of the weights.
struct ServerMetrics: Sendable {
    private let sessions = Meter(label: "kwaai_sessions")
    private let queuedSteps = Meter(label: "kwaai_queued_steps")
    private let reservedBytes = Meter(label: "kwaai_kv_reserved_bytes")
    private let freeBytes = Meter(label: "kwaai_kv_free_bytes")

    /// From a step's arrival to its answer, without what its passes took.
    private let queue = Timer(label: "kwaai_step_queue_seconds")
    private let compute = Timer(label: "kwaai_step_compute_seconds")
    private let passRows = Recorder(label: "kwaai_pass_rows")
    private let passSteps = Recorder(label: "kwaai_pass_steps")
    private let pass = Timer(label: "kwaai_pass_seconds")
    private let saturations = Counter(label: "kwaai_saturations_total")

    /// How requests ended.
    private let answers = Dictionary(
        uniqueKeysWithValues: ReplyCode.allCases.map { code in
            (code, Counter(label: "kwaai_steps_total", dimensions: [("code", code.rawValue)]))
        }
    )

    func holds(sessions: Int, queuedSteps: Int, reservedBytes: Int, freeBytes: Int) {
        self.sessions.set(sessions)
        self.queuedSteps.set(queuedSteps)
        self.reservedBytes.set(reservedBytes)
        self.freeBytes.set(freeBytes)
    }

    func ran(rows: Int, steps: Int, took duration: Duration, saturations: Int) {
        self.passRows.record(rows)
        self.passSteps.record(steps)
        self.pass.record(duration: duration)
        if saturations > 0 { self.saturations.increment(by: saturations) }
    }

    func computed(queued: Duration, took duration: Duration) {
        self.queue.record(duration: queued)
        self.compute.record(duration: duration)
    }

    func answered(_ code: ReplyCode) {
        self.answers[code]?.increment()
    }
}
