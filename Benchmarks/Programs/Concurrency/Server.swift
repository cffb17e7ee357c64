import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A `kwaai-swift serve` that is online.
final class Server: Sendable {
    /// Where it can be dialled, `/p2p/` included.
    let address: String
    /// Where it tells its numbers.
    private let metricsPort: Int
    private let process: RunningProcess

    /// Passes over the weights, and tokens in them.
    struct Passes {
        var count: Double
        var rows: Double

        var rowsPerPass: Double { self.count > 0 ? self.rows / self.count : 0 }

        static func - (left: Passes, right: Passes) -> Passes {
            Passes(count: left.count - right.count, rows: left.rows - right.rows)
        }
    }

    /// The events of `serve --json` that count here.
    private struct Event: Decodable {
        var event: String
        var addresses: [String]?
        var port: Int?
    }

    init(_ options: Options, blocks: Range<Int>, bootstrap: String?) throws {
        let folder = NSTemporaryDirectory() + "concurrency-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        self.process = try RunningProcess(
            options.program,
            ["serve", "--json", "--model", options.model, "--blocks", "\(blocks.lowerBound)..\(blocks.upperBound)"]
                + ["--listen", "/ip4/127.0.0.1/tcp/0", "--identity", "\(folder)/key", "--metrics-port", "0"]
                + (bootstrap.map { ["--bootstrap", $0] } ?? []) + options.flags,
            folder: folder
        )
        var (address, port): (String?, Int?)
        var isOnline = false
        while !isOnline || port == nil {
            guard let line = try self.process.readLine() else { throw Failure("\(options.program) did not serve") }
            let event = try JSONDecoder().decode(Event.self, from: Data(line.utf8))
            address = event.addresses?.first ?? address
            port = event.port ?? port
            isOnline = isOnline || event.event == "online"
        }
        guard let address, let port else { throw Failure("\(options.program) did not say where it listens") }
        (self.address, self.metricsPort) = (address, port)
    }

    /// What it has run so far.
    func passes() throws -> Passes {
        guard let url = URL(string: "http://127.0.0.1:\(self.metricsPort)/metrics") else { throw Failure("no address") }
        let text = try String(contentsOf: url, encoding: .utf8)
        func number(_ name: String) -> Double {
            text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
                .flatMap { Double($0.dropFirst(name.count + 1)) } ?? 0
        }
        return Passes(count: number("kwaai_pass_rows_count"), rows: number("kwaai_pass_rows_sum"))
    }

    func stop() { self.process.stop() }
}

/// A process of the run, with a folder that goes with it. Read by one task at a time.
private final class RunningProcess: @unchecked Sendable {
    // Sendable: started and read by one task, and stopped when nobody reads any more.

    private let process = Process()
    private let output = Pipe()
    private let folder: String

    init(_ program: String, _ arguments: [String], folder: String) throws {
        self.folder = folder
        self.process.executableURL = URL(fileURLWithPath: program)
        self.process.arguments = arguments
        self.process.environment = ["HOME": folder, "PATH": "/usr/bin:/bin"]
        self.process.standardOutput = self.output
        self.process.standardError = FileHandle.nullDevice
        try self.process.run()
    }

    /// The next line that it prints; nil where it has ended.
    func readLine() throws -> String? {
        var line = Data()
        while let byte = try self.output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty {
            if byte == Data("\n".utf8) { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
        return nil
    }

    func stop() {
        self.process.terminate()
        self.process.waitUntilExit()
        // What is left of a folder with a key that nobody knows is of no interest to anybody.
        try? FileManager.default.removeItem(atPath: self.folder)
    }
}
