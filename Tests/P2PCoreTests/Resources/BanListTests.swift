import NIOCore
import P2PWire
import Testing

@testable import P2PCore

@Suite struct BanListTests {
    private let subject = BanList.Subject.peer(Identity().peerID)
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    /// Offends until that makes a ban, and says for how long.
    private func offend(_ list: inout BanList, at now: NIODeadline) -> Duration? {
        for _ in 0..<Limits.offencesForBan {
            if let duration = list.offended(self.subject, reason: "on purpose", at: now) { return duration }
        }
        return nil
    }

    @Test func `a ban expires`() {
        var list = BanList()
        list.ban(self.subject, for: .seconds(60), reason: "because", at: self.start)
        #expect(list.ban(of: self.subject, at: self.start + .seconds(59))?.reason == "because")
        #expect(list.ban(of: self.subject, at: self.start + .seconds(60)) == nil)
        #expect(list.all(at: self.start + .seconds(60)).isEmpty)
    }

    @Test func `a shorter ban does not end a longer one and lifting ends any`() {
        var list = BanList()
        list.ban(self.subject, for: .seconds(600), reason: "long", at: self.start)
        list.ban(self.subject, for: .seconds(60), reason: "short", at: self.start)
        #expect(list.ban(of: self.subject, at: self.start + .seconds(61))?.reason == "long")
        list.lift(self.subject)
        #expect(list.ban(of: self.subject, at: self.start) == nil)
    }

    @Test func `one offence is an accident and three are a ban`() {
        var list = BanList()
        #expect(list.offended(self.subject, reason: "1", at: self.start) == nil)
        #expect(list.offended(self.subject, reason: "2", at: self.start + .seconds(300)) == nil)
        #expect(list.ban(of: self.subject, at: self.start + .seconds(300)) == nil)
        #expect(list.offended(self.subject, reason: "3", at: self.start + .seconds(600)) == .seconds(60))
        #expect(list.ban(of: self.subject, at: self.start + .seconds(600))?.reason == "3")
    }

    @Test func `offences far apart are no ban`() {
        var list = BanList()
        for step in 0..<20 {
            let now = self.start + .seconds(Int64(step) * 301)
            #expect(list.offended(self.subject, reason: "", at: now) == nil)
        }
    }

    @Test func `every further ban is twice as long up to an hour`() {
        var list = BanList()
        var now = self.start
        let durations = (0..<8).map { _ in
            let duration = self.offend(&list, at: now) ?? .zero
            now = now + TimeAmount(clamping: duration)
            return Int(duration / .seconds(60))
        }
        #expect(durations == [1, 2, 4, 8, 16, 32, 60, 60])
    }

    @Test func `an hour without an offence forgives one doubling`() {
        var list = BanList()
        for _ in 0..<3 { _ = self.offend(&list, at: self.start) }
        let quiet = self.start + .minutes(4)
        #expect(self.offend(&list, at: quiet + .minutes(61)) == .seconds(240))
        let long = quiet + .hours(40)
        #expect(self.offend(&list, at: long) == .seconds(60))
    }

    @Test func `bans and records are bounded and the longest ban stays`() {
        var list = BanList(capacity: 4)
        list.ban(self.subject, for: .seconds(86_400), reason: "by hand", at: self.start)
        for _ in 0..<20 {
            let stranger = BanList.Subject.peer(Identity().peerID)
            for _ in 0..<Limits.offencesForBan { _ = list.offended(stranger, reason: "", at: self.start) }
        }
        #expect(list.count.bans == 4)
        #expect(list.count.records == 4)
        #expect(list.ban(of: self.subject, at: self.start) != nil)
    }

    @Test func `bans are told with the longest first`() {
        var list = BanList()
        let short = BanList.Subject.peer(Identity().peerID)
        list.ban(short, for: .seconds(1), reason: "", at: self.start)
        list.ban(self.subject, for: .seconds(2), reason: "", at: self.start)
        #expect(list.all(at: self.start).map(\.subject) == [self.subject, short])
    }
}
