#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

enum ProcessorTime {
    /// For how long the calling thread had a processor so far; nil where the system does not say.
    static var ofThisThread: Duration? {
        var time = timespec()
        guard clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 else { return nil }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// For how long it had one since `start`, which it said before; all of `duration` where it does not say.
    static func since(_ start: Duration?, within duration: Duration) -> Duration {
        guard let start, let end = Self.ofThisThread else { return duration }
        return end - start
    }
}
