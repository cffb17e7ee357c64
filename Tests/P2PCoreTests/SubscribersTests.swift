import P2PWire
import Testing

@testable import P2PCore

@Suite struct SubscribersTests {
    private let peer = Identity().peerID

    @Test func `every subscriber hears every event, until it leaves`() async {
        var subscribers = Subscribers()
        let (first, firstContinuation) = AsyncStream.makeStream(
            of: HostEvent.self,
            bufferingPolicy: .bufferingNewest(4)
        )
        let (second, secondContinuation) = AsyncStream.makeStream(
            of: HostEvent.self,
            bufferingPolicy: .bufferingNewest(4)
        )
        subscribers.add(firstContinuation)
        subscribers.add(secondContinuation)
        subscribers.send(.connected(self.peer))
        firstContinuation.finish()
        subscribers.send(.disconnected(self.peer))
        subscribers.finish()
        var heard: [[HostEvent]] = [[], []]
        for await event in first { heard[0].append(event) }
        for await event in second { heard[1].append(event) }
        #expect(heard == [[.connected(self.peer)], [.connected(self.peer), .disconnected(self.peer)]])
    }
}
