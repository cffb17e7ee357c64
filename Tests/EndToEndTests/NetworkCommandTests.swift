import Foundation
import Subprocess
import Testing

/// `ping`, `bench net` and what `dht peers` tells of a node, against a `serve` of this machine.
@Suite(.timeLimit(.minutes(1))) struct NetworkCommandTests {
    private struct PingEvent: Decodable {
        var event: String
        var peer: String?
        var sequence: Int?
        var round_trip_ms: Double?
        var sent: Int?
        var answered: Int?
        var median_ms: Double?
    }

    private static func events(_ outcome: Program.Outcome) throws -> [PingEvent] {
        try outcome.output.split(separator: "\n").map {
            try JSONDecoder().decode(PingEvent.self, from: Data($0.utf8))
        }
    }

    @Test func `ping finds a peer by its address or by its id, and sums up`() async throws {
        let home = try Home()
        try await withPeers(["0..4"], home: home) { peers in
            let address = peers[0].address
            let id = try #require(address.split(separator: "/").last.map(String.init))
            let flags = ["--count", "3", "--interval", "0", "--json"]
            for arguments in [[address], [id, "--bootstrap", address]] {
                let outcome = try await Program.run(["ping"] + arguments + flags, home: home)
                #expect(outcome.exitCode == 0, "\(outcome.error)")
                let events = try Self.events(outcome)
                #expect(events.map(\.event) == ["ping", "answer", "answer", "answer", "summary"])
                #expect(events.first?.peer == id)
                #expect(events.compactMap(\.sequence) == [1, 2, 3])
                #expect(events.compactMap(\.round_trip_ms).allSatisfy { $0 > 0 })
                #expect(events.last?.sent == 3)
                #expect(events.last?.answered == 3)
            }
        }
    }

    @Test func `ping without end is summed up at Ctrl-C`() async throws {
        let home = try Home()
        try await withPeers(["0..4"], home: home) { peers in
            let arguments = ["ping", peers[0].address, "--interval", "0"]
            let outcome = try await Program.run(arguments, home: home) { ping in
                kill(ping.value, SIGINT)
            }
            #expect(outcome.output.contains("Ping 12D3KooW"))
            // The signal comes before the first answer or after many.
            let summary = try #require(outcome.output.split(separator: "\n").last)
            #expect(summary.contains(" sent, ") && summary.contains(" answered"))
            #expect(outcome.exitCode == (summary.contains("min ") ? 0 : 1))
            #expect(outcome.error.isEmpty)
        }
    }

    @Test func `bench net moves what it was asked to, both ways`() async throws {
        struct Report: Decodable {
            struct Transfer: Decodable {
                var bytes: Int
                var bytes_per_second: Double
                var round_trip: RoundTrip
            }
            struct RoundTrip: Decodable { var answered: Int }
            var round_trip: RoundTrip
            var upload: Transfer
            var download: Transfer
        }
        let home = try Home()
        try await withPeers(["0..4"], home: home) { peers in
            let arguments = ["bench", "net", peers[0].address, "--bytes", "1MiB"]
            let report: Report = try await Program.run(arguments + ["--json"], home: home).json()
            #expect(report.round_trip.answered > 0)
            for transfer in [report.upload, report.download] {
                #expect(transfer.bytes == 1 << 20)
                #expect(transfer.bytes_per_second > 0)
            }
            let text = try await Program.run(arguments, home: home)
            for line in ["peer  ", "round trip  ", "upload  ", "download  ", "\n  meanwhile "] {
                #expect(text.output.contains(line))
            }
        }
    }

    @Test func `serve says when no other machine can dial it`() async throws {
        struct Event: Decodable {
            var event: String
            var dialled_from: String?
            var message: String?
        }
        let home = try Home()
        let arguments = ["serve", "--json", "--blocks", "0..1", "--listen", "/ip4/127.0.0.1/tcp/0"]
        let outcome = try await Subprocess.run(
            .path(Program.path),
            arguments: Arguments(arguments),
            environment: home.environment,
            input: .none,
            output: .sequence,
            error: .string(limit: 1 << 20)
        ) { execution -> Event? in
            defer { kill(execution.processIdentifier.value, SIGTERM) }
            for try await line in execution.standardOutput.strings() {
                let event = try JSONDecoder().decode(Event.self, from: Data(line.utf8))
                if event.event == "reachability" { return event }
            }
            return nil
        }
        #expect(outcome.closureResult?.dialled_from == "nobody")
        #expect(outcome.closureResult?.message?.contains("listens on this machine alone") == true)
    }

    @Test func `a node tells its name, and that no other machine has dialled it`() async throws {
        struct Peers: Decodable {
            struct Peer: Decodable {
                var name: String?
                var dialled_from: String?
            }
            var peers: [Peer]
        }
        let home = try Home()
        try await withPeers(["0..4"], home: home, flags: ["--name", "Küche 2"]) { peers in
            let arguments = ["dht", "peers", "--bootstrap", peers[0].address]
            let listed: Peers = try await Program.run(arguments + ["--json"], home: home).json()
            #expect(listed.peers.map(\.name) == ["Küche 2"])
            #expect(listed.peers.map(\.dialled_from) == ["nobody"])
            let table = try await Program.run(arguments, home: home).output
            #expect(table.contains("Küche 2") && table.contains("DIALLED FROM"))
        }
    }

    // MARK: doctor

    private struct Diagnosis: Decodable {
        struct Check: Decodable {
            var name: String
            var status: String
            var finding: String
            var advice: String?
        }
        var status: String
        var checks: [Check]

        /// The findings of one name, in order.
        func of(_ name: String) -> [Check] { self.checks.filter { $0.name == name } }
    }

    @Test func `doctor joins a network, searches it, and is dialled back`() async throws {
        let home = try Home()
        try await withPeers(["0..4"], home: home) { peers in
            let arguments = ["doctor", "--bootstrap", peers[0].address, "--listen", "/ip4/127.0.0.1/tcp/0"]
            let outcome = try await Program.run(arguments + ["--json"], home: home)
            let diagnosis: Diagnosis = try outcome.json()
            #expect(diagnosis.of("bootstrap").map(\.status) == ["ok"])
            #expect(diagnosis.of("dht").map(\.status) == ["ok"])
            #expect(diagnosis.of("clock").map(\.finding) == ["within 1 s of one peer"])
            // It was dialled back, by a peer that is no witness of the world outside.
            #expect(diagnosis.of("reachability").map(\.status) == ["warning"])
            #expect(diagnosis.of("reachability").first?.finding.contains("dialled back at") == true)
            let hasFailed = diagnosis.checks.contains { $0.status == "failed" }
            #expect(outcome.exitCode == (hasFailed ? 1 : 0))
            let text = try await Program.run(arguments, home: home)
            #expect(text.output.contains("\nok       bootstrap     1 of 1 answer: 12D3KooW"), "\(text.output)")
            #expect(!text.output.contains("\u{1b}"))
        }
    }

    @Test func `doctor asks the serve that holds the port`() async throws {
        let home = try Home()
        try await withPeers(["0..4"], home: home) { peers in
            let listen = try #require(peers[0].address.components(separatedBy: "/p2p/").first)
            let key = "\(home.path)/0-0..4.key"
            let outcome = try await Program.run(
                ["doctor", "--listen", listen, "--identity", key, "--json"],
                home: home
            )
            let diagnosis: Diagnosis = try outcome.json()
            #expect(diagnosis.of("identity").first?.finding.contains("a running \"serve\" uses") == true)
            #expect(diagnosis.of("port").first?.finding.contains("own \"serve\"") == true)
            let reachability = diagnosis.of("reachability").first
            #expect(reachability?.finding.contains("nobody has dialled the running \"serve\"") == true)
        }
    }

    @Test func `doctor fails where something is wrong, and says what to do`() async throws {
        let home = try Home()
        let key = home.path + "/open.key"
        _ = try await Program.run(["id", "--identity", key], home: home)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: key)
        let nobody = "/ip4/127.0.0.1/tcp/1"
        let arguments = [
            "doctor", "--identity", key, "--bootstrap", nobody, "--listen", "/ip4/127.0.0.1/tcp/0", "--json",
        ]
        let outcome = try await Program.run(arguments, home: home)
        #expect(outcome.exitCode == 1)
        let diagnosis: Diagnosis = try outcome.json()
        #expect(diagnosis.status == "failed")
        #expect(diagnosis.of("identity").map(\.status) == ["failed"])
        #expect(diagnosis.of("identity").first?.finding.contains("chmod 600") == true)
        #expect(diagnosis.of("bootstrap").map(\.status) == ["failed"])
        #expect(diagnosis.of("bootstrap").first?.advice?.contains("firewall") == true)
        #expect(diagnosis.of("clock").map(\.finding) == ["no peer to compare with"])
    }
}
