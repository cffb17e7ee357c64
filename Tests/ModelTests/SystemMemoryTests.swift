import Testing

@testable import Model

struct SystemMemoryTests {
    @Test func `reads what Linux calls available`() {
        let text = "MemTotal:       24689764 kB\nMemFree:          211 kB\nMemAvailable:   22222222 kB\n"
        #expect(SystemMemory.meminfo(parsing: text) == 22_222_222 * 1024)
        #expect(SystemMemory.meminfo(parsing: "MemTotal: 1 kB\n") == nil)
        #expect(SystemMemory.meminfo(parsing: "MemAvailable: 99999999999999999 kB\n") == nil)
    }

    @Test func `a control group leaves its limit less what is in use and cannot be read again`() {
        let statistics = "anon 500\ninactive_file 200\nactive_file 100\n"
        #expect(SystemMemory.controlGroup(limit: "1000\n", current: "800\n", statistics: statistics) == 500)
        #expect(SystemMemory.controlGroup(limit: "1000\n", current: "2000\n", statistics: "") == 0)
        #expect(SystemMemory.controlGroup(limit: "max\n", current: "800\n", statistics: statistics) == nil)
        #expect(SystemMemory.controlGroup(limit: "", current: "", statistics: "") == nil)
    }

    @Test func `this machine has some`() throws {
        #expect(try #require(SystemMemory.available) > 1 << 20)
    }
}
