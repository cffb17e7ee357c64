import Foundation
import Subprocess
import Testing

/// Six processes, each range held twice, of which one is killed, stopped, cut off or sent away in every
/// generation.
@Suite(.serialized) struct FailoverTests {
    private enum Fault: CaseIterable {
        case killed, stopped, cutOff, sentAway
    }

    private static let ranges = ["0..8", "8..16", "16..24"]
    private static let prompt = [
        "generate", "Once upon a time", "--ignore-eos", "--max-tokens", "256", "--temperature", "0.8", "--seed", "11",
    ]

    /// How many generations, and the seed of what happens in them.
    private static func setting(_ name: String, default number: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? number
    }

    @Test func `twenty generations in a row survive a peer each, and every text is the same`() async throws {
        let rounds = Self.setting("FAILOVER_ROUNDS", default: 20)
        let namespaces = await Namespaces(count: 6)
        if namespaces == nil { print("no network namespaces here: proxies cut peers off") }
        do {
            try await Self.survive((0..<rounds).map { Fault.allCases[$0 % 4] }, in: namespaces)
        } catch {
            await namespaces?.remove()
            throw error
        }
        await namespaces?.remove()
    }

    @Test func `a peer whose proxy holds everything back is as good as cut off`() async throws {
        try await Self.survive([.cutOff, .cutOff], in: nil)
    }

    /// A generation for each fault, one after the other.
    private static func survive(_ faults: [Fault], in namespaces: Namespaces?) async throws {
        let home = try Home()
        let expected = try await Program.run(Self.prompt + ["--local"], home: home).output
        let seed = Self.setting("FAILOVER_SEED", default: 5)
        var random = SeededNumbers(seed: UInt64(seed))
        var relieved = 0
        try await Fleet.run(home: home, namespaces: namespaces) { fleet in
            let places = (0..<6).map { Fleet.Place(index: $0, range: Self.ranges[$0 % 3]) }
            var peers: [PeerProcess] = []
            for place in places { peers.append(try await fleet.start(place, join: peers.first)) }
            for (round, fault) in faults.enumerated() {
                let hop = Int.random(in: 0..<3, using: &random)
                // Whoever leaves is to find some of the text before it.
                let end = fault == .sentAway ? expected.count / 2 : expected.count - 20
                let length = Int.random(in: 1..<end, using: &random)
                var victim: Int?
                let outcome = try await Self.generate(peers, home: home, length: length) { chain in
                    victim = peers.firstIndex { $0.address.hasSuffix(chain[hop]) }
                    if let victim { await Self.strike(peers[victim], at: places[victim], of: fleet, fault) }
                }
                let what = "seed \(seed), round \(round), hop \(hop) \(fault) after \(length) characters"
                #expect(outcome.output == expected, "\(what)\n\(outcome.error)")
                let lost = try #require(victim, "\(what)\n\(outcome.error)")
                let log = GenerationLog(text: outcome.error)
                Self.expectNoticed(fault, of: Self.ranges[hop], in: log, what)
                if fault == .sentAway, !log.recoveries.isEmpty { relieved += 1 }
                switch fault {
                case .killed, .sentAway:
                    peers[lost] = try await fleet.start(places[lost], join: peers[(lost + 1) % 6])
                case .stopped: peers[lost].send(SIGCONT)
                case .cutOff: await fleet.mend(peers[lost], at: places[lost])
                }
            }
        }
        // One alone may leave too late.
        #expect(relieved > 0 || faults.count { $0 == .sentAway } < 3, "nobody who left was relieved before")
    }

    private static func strike(
        _ peer: PeerProcess,
        at place: Fleet.Place,
        of fleet: Fleet,
        _ fault: Fault
    ) async {
        switch fault {
        case .killed: peer.send(SIGKILL)
        case .stopped: peer.send(SIGSTOP)
        case .cutOff: await fleet.cut(peer, at: place)
        case .sentAway: peer.send(SIGTERM)
        }
    }

    /// What a generation has to say of the fault.
    private static func expectNoticed(
        _ fault: Fault,
        of blocks: String,
        in log: GenerationLog,
        _ what: String
    ) {
        let recoveries = log.recoveries.filter { $0.blocks == blocks }
        switch fault {
        case .killed: #expect(!recoveries.isEmpty, "\(what)\n\(log.text)")
        case .stopped, .cutOff:
            #expect(!recoveries.isEmpty, "\(what)\n\(log.text)")
            // Two seconds without a sign of life, and what it takes to go on elsewhere.
            #expect(recoveries.allSatisfy { $0.milliseconds <= 4000 }, "\(what)\n\(log.text)")
        case .sentAway:
            // Whoever leaves goes on for a while, so that the text may end before; it is never missed.
            #expect(log.recoveries.allSatisfy { $0.reason == "is leaving" }, "\(what)\n\(log.text)")
        }
    }

    /// Generates over a chain of peers, and calls `strike` with their ids when so many characters have come.
    private static func generate(
        _ peers: [PeerProcess],
        home: Home,
        length: Int,
        strike: ([String]) async -> Void
    ) async throws -> Program.Outcome {
        let log = "\(home.path)/\(UUID().uuidString).log"
        let arguments = Self.prompt + ["--stats", "--bootstrap", peers[0].address]
        let result = try await Subprocess.run(
            .name("sh"),
            arguments: Arguments(["-c", "exec \"$0\" \"$@\" 2>\(log)", "\(Program.path)"] + arguments),
            environment: home.environment,
            input: .none,
            output: .sequence,
            error: .discarded
        ) { execution in
            var output = ""
            var hasStruck = false
            for try await buffer in execution.standardOutput {
                output += buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                guard output.count >= length, !hasStruck else { continue }
                hasStruck = true
                await strike(GenerationLog(text: try String(contentsOfFile: log, encoding: .utf8)).hops)
            }
            return output
        }
        return Program.Outcome(
            exitCode: result.terminationStatus.exitCode,
            output: result.closureResult,
            error: try String(contentsOfFile: log, encoding: .utf8)
        )
    }
}

/// SplitMix64.
private struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var number = self.state
        number = (number ^ number >> 30) &* 0xbf58_476d_1ce4_e5b9
        number = (number ^ number >> 27) &* 0x94d0_49bb_1331_11eb
        return number ^ number >> 31
    }
}
