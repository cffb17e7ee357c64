import Foundation
import P2PWire

/// Measures what two peers on this machine can do with each other: ours, p2pd's and bare TCP in turn.
///
/// Each pair is two processes on the same cores. Ours speaks from this process to a second one, and so does bare TCP;
/// p2pd's two daemons are spoken to over their control sockets, which is how programs use them.
@main struct Transfer {
    static func main() async throws {
        do {
            let options = try Options(
                CommandLine.arguments.dropFirst(),
                environment: ProcessInfo.processInfo.environment
            )
            if options.serves { return try await serve() }
            var results = Results(rounds: options.rounds)
            for round in 0..<options.rounds {
                try await measureOwn(options, into: &results)
                if let program = options.p2pd {
                    try await DaemonPair.with(program) { try await measure($0, options, into: &results) }
                }
                progress("round \(round + 1) of \(options.rounds): done")
            }
            if options.printsJSON { try results.printAsJSON() } else { results.printAsTable() }
        } catch let failure as Failure {
            progress("\(failure)")
            exit(2)
        }
    }

    /// Ours and bare TCP, to the same second process.
    private static func measureOwn(_ options: Options, into results: inout Results) async throws {
        let server = try Child(CommandLine.arguments[0], ["serve"])
        defer { server.stop() }
        let line = try server.readLine().split(separator: " ")
        let ports = line.dropFirst().compactMap { Int($0) }
        guard ports.count == 3 else {
            throw Failure("the second process did not start")
        }
        try await OwnPair.with(try Multiaddr(String(line[0]))) { try await measure($0, options, into: &results) }
        let places = ports.map(Place.loopback)
        let tcp = BareTCP(echo: places[0], busyEcho: places[1], sink: places[2])
        try await measure(tcp, options, into: &results)
        let echo = try tcp.openBusyEcho()
        for _ in 0..<options.calls {
            results.add(.busyEcho, try await echo.exchange(byteCount: 8 << 10), of: tcp.name)
        }
        try await echo.close()
    }

    /// All readings of one round.
    private static func measure(_ pair: some Pair, _ options: Options, into results: inout Results) async throws {
        let name = pair.name
        for _ in 0..<options.connections { results.add(.connect, try await pair.connect(), of: name) }
        let echo = try await pair.openEcho()
        for _ in 0..<200 { _ = try await echo.exchange(byteCount: 8 << 10) }
        for _ in 0..<options.calls {
            results.add(.openStream, try await echo.exchange(byteCount: 8 << 10), of: name)
        }
        try await echo.close()
        for index in 0..<options.calls {
            let elapsed = try await elapsed {
                let echo = try await pair.openEcho()
                _ = try await echo.exchange(byteCount: 8 << 10)
                try await echo.close()
            }
            if index >= 100 { results.add(.streamPerCall, elapsed, of: name) }
        }
        let megabytes = Double(options.byteCount) / 1e6
        // The first one warms up the windows.
        _ = try await pair.send(byteCount: 64 << 20)
        results.add(.oneWay, megabytes / seconds(try await pair.send(byteCount: options.byteCount)), of: name)
        let witness = try await pair.openEcho()
        async let sending = pair.send(byteCount: 1 << 30)
        let isOver = Flag()
        async let pings = Self.ping(witness, until: isOver)
        _ = try await sending
        isOver.raise()
        for elapsed in try await pings { results.add(.loadedPing, elapsed, of: name) }
        try await witness.close()
    }

    /// A ping every few milliseconds, as the liveness of a peer is watched.
    private static func ping(_ echo: some Echo, until isOver: Flag) async throws -> [Duration] {
        var readings: [Duration] = []
        while !isOver.isRaised {
            readings.append(try await echo.exchange(byteCount: 32))
            try await Task.sleep(for: .milliseconds(2))
        }
        return readings
    }
}

/// Two peers of one implementation.
protocol Pair: Sendable {
    associatedtype EchoStream: Echo
    var name: String { get }
    /// Connects anew, and says how long that took.
    func connect() async throws -> Duration
    func openEcho() async throws -> EchoStream
    /// Sends bytes over one stream of its own, and returns once the other side has told that it has read all of them.
    func send(byteCount: Int) async throws -> Duration
}

/// A stream on which everything comes back.
protocol Echo: Sendable {
    /// Sends a message, and says how long it took to come back whole.
    func exchange(byteCount: Int) async throws -> Duration
    func close() async throws
}

func elapsed(_ body: () async throws -> Void) async rethrows -> Duration {
    try await ContinuousClock().measure { try await body() }
}

func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }

func printLine(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

func progress(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
