import Model

/// What `plan` says of memory: how a model is cut over machines.
struct MemoryReport: Encodable {
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

extension MemoryReport {
    /// The machines together are too small.
    struct Failure: Error, CustomStringConvertible {
        var missing: Missing

        var description: String {
            "there is no room for blocks \(missing.blocks), which need \(ByteCount(bytes: missing.bytes)) on a machine of "
                + "their own; name another one with --memory, or load the model in fewer bits with --quantize"
        }
    }

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
