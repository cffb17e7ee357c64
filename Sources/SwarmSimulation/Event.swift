internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

typealias GenerationID = Int
typealias SearchID = UInt64

/// What happens to somebody at a moment. A number of a process or of a connection tells what was meant for an earlier one.
enum Event: Sendable {
    // The network.
    case dialled(Link, connection: Int)
    case gaveUpDialling(Link, connection: Int)
    case arrived(Link, connection: Int, isThere: Bool, Message)
    case broke(Link, connection: Int, isThere: Bool)
    /// Nothing has come through for so long that the connection is given up.
    case fellSilent(Link, connection: Int)
    case healed(Int)
    case partitionLasts(Int)

    // Servers.
    case started(server: Int, incarnation: Int)
    case keepsHouse(server: Int, incarnation: Int)
    case announces(server: Int, incarnation: Int)
    case passEnded(server: Int, incarnation: Int, took: Duration)
    /// What waited for company is looked at again.
    case wakes(server: Int, incarnation: Int, at: ContinuousClock.Instant)
    case settles(server: Int, incarnation: Int)
    case reconsiders(server: Int, incarnation: Int)
    case leaves(server: Int, incarnation: Int, next: BlockRange?)
    case restarts(server: Int)
    /// It has reached the hop that it is to push to, or has not.
    case dialEnds(DialID, isOpen: Bool)

    // Coordinators.
    case begins(GenerationID, SimulatedGeneration.Task)
    case watches(AttemptID)
    case triesAgain(AttemptID)
    case foundProviders(SearchID, [PeerID])
    case asked(SearchID, PeerID, began: ContinuousClock.Instant)
    case searchEnds(SearchID)
    case searchesAgain(GenerationID, ChainSession<ToyRows>.Vacancy)
    case watchesOpening(OpeningID)
    case watchesPushes(GenerationID)
    case looksAfter(GenerationID, [ChainSession<ToyRows>.AwaitedPush])
    case losesPatience(GenerationID)

    case refreshes(peer: Int)
    case fault(Fault)

    /// What tells events apart in a trace: its kind, and whom it is about.
    var fingerprint: (kind: UInt64, subject: UInt64) {
        switch self {
        case .dialled(let link, let number): (1, Self.number(link, number))
        case .gaveUpDialling(let link, let number): (2, Self.number(link, number))
        case .arrived(let link, let number, let isThere, _): (isThere ? 3 : 4, Self.number(link, number))
        case .broke(let link, let number, let isThere): (isThere ? 5 : 6, Self.number(link, number))
        case .fellSilent(let link, let number): (7, Self.number(link, number))
        case .healed(let side): (8, UInt64(side))
        case .partitionLasts(let side): (9, UInt64(side))
        case .started(let server, _): (10, UInt64(server))
        case .keepsHouse(let server, _): (11, UInt64(server))
        case .announces(let server, _): (12, UInt64(server))
        case .passEnded(let server, _, _): (13, UInt64(server))
        case .settles(let server, _): (14, UInt64(server))
        case .reconsiders(let server, _): (15, UInt64(server))
        case .leaves(let server, _, _): (16, UInt64(server))
        case .restarts(let server): (17, UInt64(server))
        case .begins(let id, _): (18, UInt64(id))
        case .watches(let id): (19, id)
        case .triesAgain(let id): (20, id)
        case .foundProviders(let id, let peers): (21, id &+ UInt64(peers.count) << 32)
        case .asked(let id, _, _): (22, id)
        case .searchEnds(let id): (23, id)
        case .losesPatience(let id): (24, UInt64(id))
        case .refreshes(let peer): (25, UInt64(peer))
        case .fault: (26, 0)
        case .searchesAgain(let id, _): (32, UInt64(id))
        case .watchesOpening(let id): (27, id)
        case .watchesPushes(let id): (28, UInt64(id))
        case .looksAfter(let id, _): (29, UInt64(id))
        case .dialEnds(let id, let isOpen): (isOpen ? 30 : 31, id)
        case .wakes(let server, _, _): (33, UInt64(server))
        }
    }

    private static func number(_ link: Link, _ connection: Int) -> UInt64 {
        UInt64(link.dialler) << 40 | UInt64(link.server) << 20 | UInt64(connection)
    }
}

/// What goes wrong.
enum Fault: Sendable {
    /// The server's process is killed; its machine says so to whoever is connected.
    case kill(server: Int, back: Duration)
    /// The server's machine loses power, and says nothing.
    case powerLoss(server: Int, back: Duration)
    /// The process is stopped for a while, and goes on as if nothing had been.
    case pause(server: Int, Duration)
    case resume(server: Int)
    /// It answers pings, and computes nothing.
    case stall(server: Int, Duration)
    case slowDown(server: Int, by: Double, Duration)
    case speedUp(server: Int)
    /// Its owner ends it in good order.
    case drain(server: Int, back: Duration)
    /// Some of a server's connections break.
    case reset(server: Int)
    /// Some peers are cut off from the others.
    case partition(peers: [Int], Duration)
    case loss(Double, Duration)
    case lossEnds
    /// A coordinator's process ends, with or without a word to those it is connected with.
    case vanish(coordinator: Int, isSilent: Bool)
    case cancel(GenerationID)
}
