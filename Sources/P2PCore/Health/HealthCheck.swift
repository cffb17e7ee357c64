/// One thing that a node needs, and how it stands with it.
public struct HealthCheck: Sendable, Equatable {
    public enum Status: String, Sendable, Comparable {
        case ok
        /// It works, but not as well as it could, or nobody can tell.
        case warning
        case failed

        private var badness: Int {
            switch self {
            case .ok: 0
            case .warning: 1
            case .failed: 2
            }
        }

        public static func < (a: Status, b: Status) -> Bool { a.badness < b.badness }
    }

    /// One word, for people and programs.
    public var name: String
    public var status: Status
    /// What was found.
    public var finding: String
    /// What to do about it; nil where there is nothing to be done.
    public var advice: String?

    public init(_ name: String, _ status: Status, _ finding: String, advice: String? = nil) {
        self.name = name
        self.status = status
        self.finding = finding
        self.advice = advice
    }
}
