import ArgumentParser
import Model

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Say how much memory a model takes, and how to cut it over machines.",
        discussion: """
            Reads headers alone, so that it takes a moment whatever the model's size. Each machine keeps KV-caches for one
            session of 8,192 tokens, or of the whole context where that is shorter. Without --memory it is about this
            machine and the memory that is free now.

            Examples:
              kwaai-swift plan --model ./Llama-3.2-1B
              kwaai-swift plan --model ./Mistral-7B --memory 8GiB --memory 6GiB --memory 6GiB
              kwaai-swift plan --model ./Mistral-7B --memory 8GiB --quantize q4_0 --json
            """
    )

    @OptionGroup var model: ModelOptions

    @OptionGroup var loading: LoadingOptions

    @Option(
        help: ArgumentHelp("The memory that one machine has to give; repeat for more machines.", valueName: "size")
    )
    var memory: [ByteCount] = []

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let settings = try await Settings.load()
        let directory = try self.loading.applied(to: self.model.directory(settings), settings)
        let memories = try self.memory.isEmpty ? [Self.ownMemory()] : self.memory.map(\.bytes)
        let sessions = KVMemory.oneSession
        let report = try PlanReport(
            directory,
            whole: try directory.memoryNeed(of: 0..<directory.configuration.blockCount, kvMemory: sessions),
            placement: try Placement(of: directory, over: memories, kvMemory: sessions),
            flags: try self.model.flags(settings) + self.loading.flags(settings),
            kvMemory: sessions
        )
        if self.json {
            try Terminal.print(json: report)
        } else {
            try Terminal.print(report.lines.joined(separator: "\n"))
        }
        if let missing = report.missing { throw PlanFailure(missing: missing) }
    }

    private static func ownMemory() throws -> Int {
        guard let memory = SystemMemory.available else {
            throw UsageError("this system does not tell how much memory is free; say it with --memory 8GiB")
        }
        return memory
    }
}

/// The machines together are too small.
private struct PlanFailure: Error, CustomStringConvertible {
    var missing: PlanReport.Missing

    var description: String {
        "there is no room for blocks \(missing.blocks), which need \(ByteCount(bytes: missing.bytes)) on a machine of their "
            + "own; name another one with --memory, or load the model in fewer bits with --quantize"
    }
}

/// What `plan` prints.
private struct PlanReport: Encodable {
    var model: String
    var weightFormat: String
    var blockCount: Int
    var weightBytes: Int
    var kvBytes: Int
    var totalBytes: Int
    var machines: [Machine]
    var missing: Missing?

    struct Machine: Encodable {
        var memoryBytes: Int
        var blocks: String?
        var weightBytes: Int?
        var kvBytes: Int?
        var totalBytes: Int?
        var command: String?

        enum CodingKeys: String, CodingKey {
            case blocks, command
            case memoryBytes = "memory_bytes"
            case weightBytes = "weight_bytes"
            case kvBytes = "kv_bytes"
            case totalBytes = "total_bytes"
        }
    }

    struct Missing: Encodable {
        var blocks: String
        var bytes: Int
    }

    enum CodingKeys: String, CodingKey {
        case model, machines, missing
        case weightFormat = "weight_format"
        case blockCount = "block_count"
        case weightBytes = "weight_bytes"
        case kvBytes = "kv_bytes"
        case totalBytes = "total_bytes"
    }
}

extension PlanReport {
    init(
        _ directory: ModelDirectory,
        whole: MemoryNeed,
        placement: Placement,
        flags: [String],
        kvMemory: KVMemory
    ) throws {
        self.model = directory.name
        self.weightFormat = directory.weightFormat
        self.blockCount = directory.configuration.blockCount
        self.weightBytes = whole.weights
        self.kvBytes = whole.kvCaches
        self.totalBytes = whole.total
        self.machines = placement.machines.map { machine in
            let blocks = machine.range.map { "\($0.lowerBound)..\($0.upperBound)" }
            return Machine(
                memoryBytes: machine.memory,
                blocks: blocks,
                weightBytes: machine.need?.weights,
                kvBytes: machine.need?.kvCaches,
                totalBytes: machine.need?.total,
                command: blocks.map { (["kwaai-swift serve --blocks \($0)"] + flags).joined(separator: " ") }
            )
        }
        self.missing = try placement.missing.map { range in
            Missing(
                blocks: "\(range.lowerBound)..\(range.upperBound)",
                bytes: try directory.memoryNeed(of: range, kvMemory: kvMemory).total
            )
        }
    }

    var lines: [String] {
        var table = Table(header: ["MACHINE", "MEMORY", "BLOCKS", "WEIGHTS", "KV-CACHES", "IN ALL", "COMMAND"])
        func size(_ bytes: Int?) -> String { bytes.map { "\(ByteCount(bytes: $0))" } ?? "-" }
        for (index, machine) in self.machines.enumerated() {
            table.append([
                "\(index + 1)", size(machine.memoryBytes), machine.blocks ?? "none", size(machine.weightBytes),
                size(machine.kvBytes), size(machine.totalBytes), machine.command ?? "-",
            ])
        }
        let whole =
            "\(self.model): \(self.blockCount) blocks, \(self.weightFormat), \(size(self.weightBytes)) of weights; "
            + "\(size(self.totalBytes)) with KV-caches on one machine"
        return [whole] + table.lines
    }
}
