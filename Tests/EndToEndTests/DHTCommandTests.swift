import Foundation
import Testing

/// The `dht` commands against two peers that serve.
@Suite(.serialized, .timeLimit(.minutes(2))) struct DHTCommandTests {
    private struct Peer: Decodable {
        var peer: String
        var addresses: [String]
    }

    private func identifier(of peer: PeerProcess) throws -> String {
        try #require(peer.address.components(separatedBy: "/p2p/").last)
    }

    @Test func `find names the addresses of a peer, and says when nobody knows one`() async throws {
        let home = try Home()
        try await withPeers(["0..12", "12..24"], home: home) { peers in
            let second = try self.identifier(of: peers[1])
            let through = ["--bootstrap", peers[0].address]
            let found = try await Program.run(["dht", "find", second] + through, home: home)
            #expect(found.exitCode == 0, "\(found.error)")
            #expect(found.output == peers[1].address + "\n")
            let json = try await Program.run(["dht", "find", second, "--json"] + through, home: home)
            let peer = try json.json(as: Peer.self)
            #expect(peer.peer == second)
            #expect(peer.addresses.map { "\($0)/p2p/\(second)" } == [peers[1].address])

            let stranger = "12D3KooWDb7R3ysGeFmNBsoQkHF7AMhvJUoVG17ZEkNzDzfmRWpC"
            let unknown = try await Program.run(["dht", "find", stranger] + through, home: home)
            #expect(unknown.exitCode == 1)
            #expect(unknown.output.isEmpty)
            #expect(unknown.error.contains("no peer knows \(stranger)"))
        }
    }

    @Test func `providers lists who announces the blocks of a model`() async throws {
        struct Report: Decodable {
            var keys: [Key]
            struct Key: Decodable {
                var key: String
                var blocks: String
                var providers: [Peer]
            }
        }
        let home = try Home()
        try await withPeers(["0..12", "12..24"], home: home) { peers in
            let ids = try peers.map { try self.identifier(of: $0) }
            let through = ["--bootstrap", peers[0].address]
            let all = try await Program.run(["dht", "providers", "--json"] + through, home: home)
            let keys = try all.json(as: Report.self).keys
            #expect(keys.map(\.blocks) == ["0..8", "8..16", "16..24"])
            #expect(keys.map { Set($0.providers.map(\.peer)) } == [[ids[0]], [ids[0], ids[1]], [ids[1]]])

            let part = try await Program.run(["dht", "providers", "--blocks", "16..20"] + through, home: home)
            #expect(part.exitCode == 0, "\(part.error)")
            #expect(part.output.contains("16..24") && part.output.contains(ids[1]) && !part.output.contains(ids[0]))
            let byKey = try await Program.run(["dht", "providers", keys[0].key] + through, home: home)
            #expect(byKey.output.contains(ids[0]) && !byKey.output.contains(ids[1]))

            let nothing = "1220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            let nobody = try await Program.run(["dht", "providers", nothing] + through, home: home)
            #expect(nobody.exitCode == 1)
            #expect(nobody.error.contains("nobody provides that key"))
        }
    }

    @Test func `what one process puts another gets, and its owner alone replaces it`() async throws {
        struct Stored: Decodable {
            var key: String
            var sequence: UInt64
            var value: String?
            var value_base64: String?
            var holders: Int?
        }
        let home = try Home()
        try await withPeers(["0..12", "12..24"], home: home) { peers in
            let through = ["--bootstrap", peers[0].address]
            let mine = through + ["--identity", "\(home.path)/me.key"]
            let put = try await Program.run(["dht", "put", "motd", "back at noon"] + mine, home: home)
            #expect(put.exitCode == 0, "\(put.error)")
            let key = put.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(key.hasPrefix("/v/12D3KooW") && key.hasSuffix("/motd"))
            let got = try await Program.run(["dht", "get", key] + through, home: home)
            #expect(got.output == "back at noon\n", "\(got.error)")

            let arguments = ["dht", "put", "motd", "-", "--json"] + mine
            let newer = try await Program.run(arguments, home: home, input: "gone").json(as: Stored.self)
            #expect(newer.key == key)
            #expect(newer.holders == 2)
            let read = try await Program.run(["dht", "get", key, "--json"] + through, home: home).json(as: Stored.self)
            #expect(read.value == "gone" && read.value_base64 == "Z29uZQ==")
            #expect(read.sequence == newer.sequence)

            let older = try await Program.run(
                ["dht", "put", "motd", "old", "--sequence", "1"] + mine,
                home: home
            )
            #expect(older.exitCode == 1)
            #expect(older.error.contains("raise the sequence number"))
            let nothing = try await Program.run(["dht", "get", key + "-2"] + through, home: home)
            #expect(nothing.exitCode == 1)
            #expect(nothing.error.contains("nobody has a value under \(key)-2"))
        }
    }

    @Test func `bootstrap says who was met and which addresses led nowhere`() async throws {
        struct Report: Decodable {
            var peers: [Peer]
            var rounds: Int
            var requests: Int
            var failed: [Failure]
            struct Failure: Decodable {
                var address: String
                var reason: String
            }
        }
        let home = try Home()
        try await withPeers(["0..12", "12..24"], home: home) { peers in
            let through = ["--bootstrap", peers[0].address, "--bootstrap", "/ip4/127.0.0.1/tcp/1"]
            let json = try await Program.run(["dht", "bootstrap", "--json"] + through, home: home)
            let report = try json.json(as: Report.self)
            let ids = try peers.map { try self.identifier(of: $0) }
            #expect(report.peers.map(\.peer).sorted() == ids.sorted())
            #expect(report.rounds > 0 && report.requests >= 2)
            #expect(report.failed.map(\.address) == ["/ip4/127.0.0.1/tcp/1"])
            #expect(report.failed.first?.reason.contains("refuses connections") == true)
            let text = try await Program.run(["dht", "bootstrap"] + through, home: home)
            #expect(text.exitCode == 0, "\(text.error)")
            #expect(text.output.contains("2 peers met"))
        }
    }

    /// A socket whose backlog takes the connection, and behind which nobody answers.
    @Test(arguments: [["bootstrap"], ["peers"], ["providers"]])
    func `a silent peer costs no more than the time limit`(command: [String]) async throws {
        let socket = try SilentSocket()
        let outcome = try await Program.run(
            ["dht"] + command + ["--timeout", "1", "--bootstrap", "/ip4/127.0.0.1/tcp/\(socket.port)"],
            home: Home()
        )
        #expect(outcome.exitCode == 1)
        #expect(outcome.error.contains("nothing was found in 1 seconds"))
        #expect(outcome.error.contains("--timeout"))
    }
}

/// Listens on a port of loopback and accepts nothing.
private final class SilentSocket {
    let port: UInt16
    private let descriptor: Int32

    init() throws {
        #if canImport(Glibc)
            self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            self.descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, size) == 0 && listen(descriptor, 8) == 0
                    && getsockname(descriptor, generic, &size) == 0
            }
        }
        self.port = UInt16(bigEndian: address.sin_port)
        try #require(isListening)
    }

    deinit {
        close(self.descriptor)
    }
}
