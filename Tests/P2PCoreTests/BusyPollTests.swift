import NIOCore
import Testing

@testable import P2PCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct BusyPollTests {
    /// How many messages go out, from now on, until one is asked about.
    private static func messages(until poll: inout BusyPoll) -> Int {
        var count = 1
        while !poll.isDue() { count += 1 }
        return count
    }

    @Test func `a peer that answers in time is asked about every message`() {
        var poll = BusyPoll()
        for _ in 0..<100 {
            let gap = Self.messages(until: &poll)
            #expect(gap == 1)
            poll.ended(answered: true)
        }
    }

    @Test func `each attempt in vain lets twice as many messages pass, up to the limit`() {
        var poll = BusyPoll()
        var gaps: [Int] = []
        for _ in 0..<13 {
            gaps.append(Self.messages(until: &poll))
            poll.ended(answered: false)
        }
        #expect(gaps == [1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 256, 256])
        #expect(gaps.last == Limits.busyPollPause + 1)
    }

    @Test func `one answer in time does not undo a long row of attempts in vain`() {
        var poll = BusyPoll()
        for _ in 0..<8 {
            _ = Self.messages(until: &poll)
            poll.ended(answered: false)
        }
        _ = Self.messages(until: &poll)
        poll.ended(answered: true)
        let first = Self.messages(until: &poll)
        #expect(first == 1)
        poll.ended(answered: false)
        let second = Self.messages(until: &poll)
        #expect(second == 256)
    }

    @Test func `only a connection that talks on its loop alone keeps it waiting`() {
        let (one, other) = (ObjectIdentifier(LoopTalk.self), ObjectIdentifier(BusyPollTests.self))
        let talk = LoopTalk()
        #expect(
            [one, one, one, other, one, other, other].map { talk.sends($0) }
                == [false, true, true, false, false, false, true]
        )
    }

    @Test func `a socket is readable once its other end has written or closed`() throws {
        var ends: [CInt] = [0, 0]
        #if canImport(Glibc)
            let kind = CInt(SOCK_STREAM.rawValue)
        #else
            let kind = SOCK_STREAM
        #endif
        try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
        defer { close(ends[0]) }
        #expect(!BusyPoll.isReadable(ends[0]))
        try #require(write(ends[1], [7], 1) == 1)
        #expect(BusyPoll.isReadable(ends[0]))
        var byte: UInt8 = 0
        try #require(read(ends[0], &byte, 1) == 1)
        #expect(!BusyPoll.isReadable(ends[0]))
        close(ends[1])
        #expect(BusyPoll.isReadable(ends[0]))
    }
}
