import Testing

@testable import SwarmSimulation

@Suite struct EventQueueTests {
    private let start = ContinuousClock.now

    @Test func `what is due first happens first, and of two at once the one that was scheduled first`() {
        var queue = EventQueue<Int>()
        let delays = [5, 3, 9, 3, 0, 7, 3, 1, 9, 2]
        for (number, delay) in delays.enumerated() {
            queue.schedule(number, at: self.start + .seconds(delay))
        }
        var order: [Int] = []
        while let (time, number) = queue.next() {
            #expect(time == self.start + .seconds(delays[number]))
            order.append(number)
        }
        #expect(order == [4, 7, 9, 1, 3, 6, 0, 5, 2, 8])
        #expect(queue.isEmpty)
    }

    @Test func `what happens may schedule more`() {
        var queue = EventQueue<Int>()
        queue.schedule(0, at: self.start)
        queue.schedule(10, at: self.start + .seconds(2))
        var order: [Int] = []
        while let (time, number) = queue.next() {
            order.append(number)
            if number < 3 { queue.schedule(number + 1, at: time + .seconds(1)) }
        }
        #expect(order == [0, 1, 10, 2, 3])
    }
}
