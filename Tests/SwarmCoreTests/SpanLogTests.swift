import SwarmCore
import Testing

@Suite struct SpanLogTests {
    private func log(_ sizes: [Int]) -> SpanLog<ToyRows> {
        var log = SpanLog<ToyRows>()
        for size in sizes {
            let start = UInt64(log.end)
            log.append(ToyRows(rows: (0..<size).map { start + UInt64($0) }))
        }
        return log
    }

    @Test func `gives every range of what it was given, however that was cut`() {
        for sizes in [[7], [1, 1, 1, 1, 1, 1, 1], [3, 4], [2, 1, 4]] {
            let log = self.log(sizes)
            #expect(log.end == 7 && log.byteCount == 56 && log.isWhole)
            for lower in 0..<7 {
                for upper in lower + 1...7 {
                    #expect(log.payload(lower..<upper).rows == (lower..<upper).map { UInt64($0) })
                }
            }
        }
    }

    @Test func `is cut anywhere, and goes on from there`() {
        for position in 0...7 {
            var log = self.log([3, 1, 3])
            log.cut(to: position)
            #expect(log.end == position && log.byteCount == 8 * position)
            log.append(ToyRows(rows: [99]))
            #expect(log.payload(0..<position + 1).rows == (0..<position).map { UInt64($0) } + [99])
        }
    }

    @Test func `forgets what ends before a position, and is not whole any more`() {
        var log = self.log([3, 1, 3])
        log.forget(before: 2)
        #expect(log.isWhole)
        log.forget(before: 4)
        #expect(!log.isWhole && log.start == 4 && log.byteCount == 24)
        #expect(log.payload(4..<7).rows == [4, 5, 6])
        log.cut(to: 4)
        #expect(log.start == 4 && log.end == 4 && !log.isWhole)
        log.cut(to: 2)
        #expect(log.start == 2 && log.end == 2 && !log.isWhole)
        log.cut(to: 0)
        #expect(log.isWhole)
    }
}
