import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A `kwaai-swift serve` that is online.
public final class Server: Sendable {
    /// Where it can be dialled, `/p2p/` included.
    public let address: String
    /// Where it tells its numbers.
    private let metricsPort: Int
    private let process: RunningProcess

    /// What `serve` is told.
    public struct Launch: Sendable {
        public var program: String
        public var blocks: Range<Int>
        /// A folder or a GGUF file; nil for the demo model.
        public var model: String?
        public var port = 0
        /// Whom it joins; a network of its own where there is none.
        public var bootstrap: String?
        public var flags: [String] = []

        public init(_ program: String, model: String?, blocks: Range<Int>) {
            (self.program, self.model, self.blocks) = (program, model, blocks)
        }

        func arguments(folder: String) -> [String] {
            ["serve", "--json", "--no-mdns", "--blocks", "\(self.blocks.lowerBound)..\(self.blocks.upperBound)"]
                + ["--listen", "/ip4/127.0.0.1/tcp/\(self.port)", "--metrics-port", "0"]
                + (self.flags.contains("--identity") ? [] : ["--identity", "\(folder)/key"])
                + (self.model.map { ["--model", $0] } ?? [])
                + (self.bootstrap.map { ["--bootstrap", $0] } ?? []) + self.flags
        }
    }

    /// Passes over the weights, and tokens in them.
    public struct Passes: Sendable {
        public var count: Double
        public var rows: Double

        public var rowsPerPass: Double { self.count > 0 ? self.rows / self.count : 0 }

        public static func - (left: Passes, right: Passes) -> Passes {
            Passes(count: left.count - right.count, rows: left.rows - right.rows)
        }
    }

    /// The events of `serve --json` that count here.
    private struct Event: Decodable {
        var event: String
        var addresses: [String]?
        var port: Int?
    }

    /// Returns once it serves.
    public init(_ launch: Launch) throws {
        let folder = NSTemporaryDirectory() + "benchmark-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        self.process = try RunningProcess(launch.program, launch.arguments(folder: folder), folder: folder)
        var (address, port): (String?, Int?)
        var isOnline = false
        while !isOnline || port == nil {
            guard let line = try self.process.readLine() else { throw Failure("\(launch.program) did not serve") }
            let event = try JSONDecoder().decode(Event.self, from: Data(line.utf8))
            address = event.addresses?.first ?? address
            port = event.port ?? port
            isOnline = isOnline || event.event == "online"
        }
        guard let address, let port else { throw Failure("\(launch.program) did not say where it listens") }
        (self.address, self.metricsPort) = (address, port)
    }

    /// Its peer id.
    public var name: String { self.address.split(separator: "/").last.map(String.init) ?? "" }

    /// What it has run so far.
    public func passes() throws -> Passes {
        guard let url = URL(string: "http://127.0.0.1:\(self.metricsPort)/metrics") else { throw Failure("no address") }
        let text = try String(contentsOf: url, encoding: .utf8)
        func number(_ name: String) -> Double {
            text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
                .flatMap { Double($0.dropFirst(name.count + 1)) } ?? 0
        }
        return Passes(count: number("kwaai_pass_rows_count"), rows: number("kwaai_pass_rows_sum"))
    }

    public func stop() { self.process.stop() }
}

/// A process of the run, with a folder that goes with it. Read by one task at a time.
final class RunningProcess: @unchecked Sendable {
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

/// What went wrong, or how to call a program.
public struct Failure: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
