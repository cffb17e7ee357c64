import Coordinator
import Foundation
import P2PCore
import P2PWire
import ShardProtocol
import Swarm

/// Generations over a chain of `serve` processes that seem to be far away, beside what physics allows.
@main
struct WideArea {
    static func main() async throws {
        guard Array(CommandLine.arguments.dropFirst()) != [BareLine.argument] else {
            return try await BareLine.serveEchoes()
        }
        let options = Options(CommandLine.arguments.dropFirst())
        let subject = try Subject(model: options.model)
        print(Row.header)
        for hops in options.hops {
            try await Self.measure(hops: hops, options, subject)
        }
    }

    private static func measure(hops: Int, _ options: Options, _ subject: Subject) async throws {
        try await withProxies { folder, group in
            var servers: [Guarded] = []
            defer { for server in servers { server.stop() } }
            for blocks in subject.ranges(hops: hops) {
                var launch = subject.launch(blocks)
                launch.bootstrap = servers.first?.address
                launch.flags = options.flags
                servers.append(try await Guarded(launch, folder: folder, on: group))
            }
            let chain = try zip(servers, subject.ranges(hops: hops)).map { server, blocks in
                PinnedHop(
                    address: try Multiaddr(server.address),
                    blocks: try BlockRange(blocks.lowerBound, blocks.upperBound)
                )
            }
            try await subject.withPeer(joining: servers.map(\.address)) { host, _ in
                let program = CommandLine.arguments[0]
                let line = try await BareLine(hops: hops, program: program, folder: folder, on: group)
                defer { line.stop() }
                let run = Run(subject: subject, host: host, chain: chain, options: options)
                let near = try await run.generate(tokens: options.tokens, .off, over: subject.coordinator(.star))
                for milliseconds in options.roundTrips {
                    let delay = Duration.milliseconds(milliseconds) / 2
                    for server in servers { server.proxy.setDelay(delay) }
                    for route in options.routes {
                        print(try await run.row(route, milliseconds, beside: line, like: near.tokens))
                        // Else a pipe gets all of them at the end.
                        fflush(nil)
                    }
                }
            }
        }
    }
}

/// Generations over one chain.
struct Run {
    let subject: Subject
    let host: P2PCore.Host
    let chain: [PinnedHop]
    let options: Options

    func generate(
        tokens: Int,
        _ speculation: Speculation,
        over coordinator: Coordinator
    ) async throws -> Generation {
        let generation = GenerationOptions(
            sampling: .greedy,
            maxTokens: tokens,
            ignoresEndOfSequence: true,
            speculation: speculation
        )
        return try await coordinator.generate(
            try self.subject.prompt(),
            options: generation,
            over: .pinned(self.chain),
            host: self.host
        )
    }

    /// Echoes and generations in turn, so that what else the machine does meets all of them alike.
    ///
    /// - Parameter tokens: what the generation gives where nothing is far away.
    func row(
        _ route: StepWay,
        _ milliseconds: Int,
        beside line: BareLine,
        like tokens: [UInt32]
    ) async throws -> Row {
        let coordinator = try self.subject.coordinator(route)
        // There and back for every hop, or one way to every hop and one back.
        let ways = route == .star ? 2 * self.chain.count : self.chain.count + 1
        let way = max(.milliseconds(milliseconds), .milliseconds(1)) / 2 * ways
        let count = min(self.options.tokens, max(8, Int(Duration.seconds(self.options.seconds) / way)))
        var row = Row(route: route, milliseconds: milliseconds, hops: self.chain.count, ways: ways)
        for _ in 0..<self.options.rounds {
            row.turns += try await line.turns(delay: .milliseconds(milliseconds) / 2)
            let plain = try await self.generate(tokens: count, .off, over: coordinator)
            let guessing = try await self.generate(tokens: count, .auto, over: coordinator)
            guard plain.tokens == Array(tokens.prefix(count)), guessing.tokens == plain.tokens else {
                throw Failure("a generation gave other tokens than before")
            }
            row.plain += plain.statistics.passes
            row.guessing.add(guessing)
        }
        return row
    }
}
