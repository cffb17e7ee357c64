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
        let home = try Home()
        let expected = try await Program.run(Self.prompt + ["--local"], home: home).output
        let rounds = Self.setting("FAILOVER_ROUNDS", default: 20)
        let seed = Self.setting("FAILOVER_SEED", default: 5)
        let namespaces = await Namespaces(count: 6)
        if namespaces == nil { print("no network namespaces here: peers are stopped instead of cut off") }
        var random = SeededNumbers(seed: UInt64(seed))
        do {
            try await Fleet.run(home: home, namespaces: namespaces) { fleet in
                let places = (0..<6).map { Fleet.Place(index: $0, range: Self.ranges[$0 % 3]) }
                var peers: [PeerProcess] = []
                for place in places { peers.append(try await fleet.start(place, join: peers.first)) }
                for round in 0..<rounds {
                    let hop = Int.random(in: 0..<3, using: &random)
                    let length = Int.random(in: 1..<expected.count - 20, using: &random)
                    let fault = Fault.allCases[round % 4]
                    var victim: Int?
                    let outcome = try await Self.generate(peers, home: home, length: length) { chain in
                        let lost = peers.firstIndex { $0.address.hasSuffix(chain[hop]) }
                        victim = lost
                        guard let lost else { return }
                        switch (fault, namespaces) {
                        case (.killed, _): peers[lost].send(SIGKILL)
                        case (.sentAway, _): peers[lost].send(SIGTERM)
                        case (.stopped, _), (.cutOff, nil): peers[lost].send(SIGSTOP)
                        case (.cutOff, let namespaces?): await namespaces.cut(lost)
                        }
                    }
                    let what = "seed \(seed), round \(round), hop \(hop) \(fault) after \(length) characters"
                    #expect(outcome.output == expected, "\(what)\n\(outcome.error)")
                    // Whoever leaves goes on for a while, so that the text may end before.
                    let isNoticed = outcome.error.contains("Blocks \(Self.ranges[hop]): ")
                    #expect(isNoticed || fault == .sentAway, "\(what)\n\(outcome.error)")
                    let lost = try #require(victim, "\(what)\n\(outcome.error)")
                    switch (fault, namespaces) {
                    case (.killed, _), (.sentAway, _):
                        peers[lost] = try await fleet.start(places[lost], join: peers[(lost + 1) % 6])
                    case (.stopped, _), (.cutOff, nil): peers[lost].send(SIGCONT)
                    case (.cutOff, let namespaces?): await namespaces.mend(lost)
                    }
                }
            }
        } catch {
            await namespaces?.remove()
            throw error
        }
        await namespaces?.remove()
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
                await strike(Self.chain(try String(contentsOfFile: log, encoding: .utf8)))
            }
            return output
        }
        return Program.Outcome(
            exitCode: result.terminationStatus.exitCode,
            output: result.closureResult,
            error: try String(contentsOfFile: log, encoding: .utf8)
        )
    }

    /// The peers of `Chain: 0..8 on ID → 8..16 on ID → …`.
    private static func chain(_ log: String) -> [String] {
        let line = log.split(separator: "\n").first { $0.hasPrefix("Chain: ") } ?? ""
        return line.split(separator: " → ").compactMap { $0.split(separator: " ").last.map(String.init) }
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
