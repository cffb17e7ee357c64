#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The memory of this machine.
public enum SystemMemory {
    /// Bytes that a new process can use without pushing others out: free, or holding files that can be read again, and
    /// within the limit of the control group where there is one. Nil where the system does not tell.
    public static var available: Int? {
        #if canImport(Darwin)
            Self.pages
        #else
            [
                Self.meminfo(parsing: Self.text("/proc/meminfo")),
                Self.controlGroup(
                    limit: Self.text("/sys/fs/cgroup/memory.max"),
                    current: Self.text("/sys/fs/cgroup/memory.current"),
                    statistics: Self.text("/sys/fs/cgroup/memory.stat")
                ),
            ].compactMap(\.self).min()
        #endif
    }

    /// `MemAvailable` of Linux's `/proc/meminfo`, which counts in KiB (proc(5)).
    static func meminfo(parsing text: String) -> Int? {
        Self.value(of: "MemAvailable:", in: text).flatMap { kibibytes in
            let (bytes, overflow) = kibibytes.multipliedReportingOverflow(by: 1024)
            return overflow ? nil : bytes
        }
    }

    /// What a control group (cgroup v2) leaves: its limit less what is used, but for cached files. Nil without a limit.
    static func controlGroup(limit: String, current: String, statistics: String) -> Int? {
        guard let limit = Self.number(limit), let current = Self.number(current) else { return nil }
        let cached = ["inactive_file", "active_file"].compactMap { Self.value(of: $0, in: statistics) }.reduce(0, +)
        return max(limit - max(current - cached, 0), 0)
    }

    private static func value(of key: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count >= 2, words[0] == key { return Int(words[1]) }
        }
        return nil
    }

    private static func number(_ text: String) -> Int? {
        text.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }
    }

    #if canImport(Darwin)
        private static var pages: Int? {
            var statistics = vm_statistics64()
            var count = mach_msg_type_number_t(
                MemoryLayout<vm_statistics64>.size / MemoryLayout<integer_t>.size
            )
            let result = withUnsafeMutablePointer(to: &statistics) { pointer in
                pointer.withMemoryRebound(to: integer_t.self, capacity: Int(count)) {
                    host_statistics64(mach_host_self(), HOST_VM_INFO64, $0, &count)
                }
            }
            guard result == KERN_SUCCESS else { return nil }
            let pages = UInt64(statistics.free_count) + UInt64(statistics.inactive_count)
            return Int(clamping: pages * UInt64(getpagesize()))
        }
    #else
        /// What the kernel says at `path`, empty where it says nothing. Such files have no size to go by.
        private static func text(_ path: String) -> String {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return "" }
            defer { close(descriptor) }
            let bytes = [UInt8](unsafeUninitializedCapacity: Limits.systemFileBytes) { buffer, count in
                count = max(read(descriptor, buffer.baseAddress, buffer.count), 0)
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    #endif
}
