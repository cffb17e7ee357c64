#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A moment of the calendar, as records that travel between machines carry it.
public struct UnixTime: Hashable, Comparable, Sendable {
    /// Seconds since 1970 in UTC.
    public let seconds: UInt64

    public init(seconds: UInt64) {
        self.seconds = seconds
    }

    /// What this machine's calendar says, for shells; values take a moment as a parameter.
    public static func now() -> UnixTime {
        var moment = timespec()
        clock_gettime(CLOCK_REALTIME, &moment)
        return UnixTime(seconds: UInt64(clamping: moment.tv_sec))
    }

    public func advanced(bySeconds seconds: UInt64) -> UnixTime {
        let (sum, overflow) = self.seconds.addingReportingOverflow(seconds)
        return UnixTime(seconds: overflow ? .max : sum)
    }

    public static func < (left: UnixTime, right: UnixTime) -> Bool { left.seconds < right.seconds }
}
