#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Glibc)
    internal import Glibc
#endif

enum ProcessorTime {
    /// For how long the calling thread had a processor so far.
    static var ofThisThread: Duration {
        var time = timespec()
        // Without the clock of threads, a thread seems to have a processor at no time; nothing but guesses depends on it.
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
