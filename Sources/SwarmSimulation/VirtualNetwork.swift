internal import KademliaSimulation
internal import SwarmCore

/// The connections between coordinators and servers, and what becomes of messages on them.
///
/// A connection delivers in order and once, as TCP does: a packet that is lost delays what comes behind it, and one that
/// never gets through breaks the connection. What is sent twice is sent twice by a coordinator, over a new connection.
struct VirtualNetwork: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Phase: Sendable {
        case closed
        /// What is to be sent once it is open.
        case dialling([Message])
        case open
    }

    struct Connection: Sendable {
        var phase = Phase.closed
        /// Rises with every dial: what travels on an earlier connection is lost.
        var number = 0
        /// Which process of the server's answered.
        var incarnation = 0
        /// When the last message will be there, towards the server and back.
        var arrivals: (there: Instant, back: Instant)
        /// What waits for the sides to reach each other again, in order.
        var held: [(isThere: Bool, message: Message)] = []
        /// When the coordinator heard of the server last.
        var lastFrame: Instant?

        /// Whether something can be sent over it, as far as is known.
        var isUsable: Bool {
            if case .closed = self.phase { false } else { true }
        }
    }

    struct Place: Sendable {
        var x: Double
        var y: Double
    }

    var places: [Place]
    /// Peers of different sides do not reach each other.
    var sides: [Int]
    var connections: [Link: Connection] = [:]
    /// The chance that a packet is lost.
    var loss: Double
    /// The longest way, one way.
    let longestWay: Duration
    private let start: Instant

    init(peers: Int, loss: Double, longestWay: Duration, start: Instant, using random: inout SeededGenerator) {
        self.places = (0..<peers).map { _ in
            Place(x: .random(in: 0..<1, using: &random), y: .random(in: 0..<1, using: &random))
        }
        self.sides = Array(repeating: 0, count: peers)
        self.loss = loss
        self.longestWay = longestWay
        self.start = start
    }

    subscript(link: Link) -> Connection {
        get { self.connections[link] ?? Connection(arrivals: (self.start, self.start)) }
        set { self.connections[link] = newValue }
    }

    func reach(_ one: Int, _ other: Int) -> Bool { self.sides[one] == self.sides[other] }

    /// One way, undisturbed.
    func way(_ one: Int, _ other: Int) -> Duration {
        let (a, b) = (self.places[one], self.places[other])
        let distance = ((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y)).squareRoot() / 2.0.squareRoot()
        return .microseconds(100) + self.longestWay * distance
    }

    /// How long a packet takes with what delays it; lost ones are sent again, later each time.
    func delay(_ one: Int, _ other: Int, using random: inout SeededGenerator) -> Duration {
        var delay = self.way(one, other) * Double.random(in: 1..<1.2, using: &random)
        var resend = Duration.milliseconds(200)
        while resend < .seconds(4), Double.random(in: 0..<1, using: &random) < self.loss {
            delay += resend
            resend = resend * 2
        }
        return delay
    }

    /// When a message that is sent now is there: not before those that were sent before it.
    mutating func arrival(over link: Link, isThere: Bool, now: Instant, using random: inout SeededGenerator) -> Instant
    {
        var connection = self[link]
        let last = isThere ? connection.arrivals.there : connection.arrivals.back
        let time = max(now + self.delay(link.dialler, link.server, using: &random), last + .microseconds(1))
        if isThere { connection.arrivals.there = time } else { connection.arrivals.back = time }
        self[link] = connection
        return time
    }
}
