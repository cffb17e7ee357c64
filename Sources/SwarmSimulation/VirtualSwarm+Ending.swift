internal import SwarmCore

extension VirtualSwarm {
    /// When everything is over nothing may be left: no session, no byte, no step, no timer.
    mutating func checkWhatIsLeft() {
        for number in self.servers.keys.sorted() {
            guard let server = self.servers[number] else { continue }
            self.report.busyServers += server.busyCount
            self.report.gatherings += server.gatherings
            self.report.expiredSessions += server.expiredSessions
            for violation in server.violations { self.report.violated("server \(number): \(violation)") }
            guard server.isRunning, let remains = server.remains else { continue }
            self.report.violated("server \(number) still has \(remains)")
        }
        if !self.generations.isEmpty { self.report.violated("\(self.generations.count) generations are left") }
        if !self.attempts.isEmpty { self.report.violated("\(self.attempts.count) steps are outstanding") }
        if !self.searches.isEmpty { self.report.violated("\(self.searches.count) searches are under way") }
        if !self.openings.isEmpty { self.report.violated("\(self.openings.count) ways are being opened") }
        if !self.pushes.isEmpty { self.report.violated("\(self.pushes.count) pushed steps are outstanding") }
        if !self.sentNumbers.isEmpty { self.report.violated("\(self.sentNumbers.count) numbers of steps are known") }
        if !self.dials.isEmpty { self.report.violated("\(self.dials.count) hops still dial others") }
        if self.unfinished != 0 { self.report.violated("\(self.unfinished) generations did not end") }
    }
}
