import ArgumentParser
import Kademlia
import Model
import P2PWire
import ShardProtocol

struct DHTProvidersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "providers",
        abstract: "List who says that it provides something: a CID, or blocks of a model.",
        discussion: """
            Without a key it is about a model, the demo model or that of --model. Its blocks are announced by segments of
            eight, so that a provider may hold only some of those that are listed. What is listed are the claims of peers;
            "dht peers" asks them.

            Examples:
              kwaai-swift dht providers
              kwaai-swift dht providers --model ./Llama-3.2-1B --blocks 0..8
              kwaai-swift dht providers bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi --json
              kwaai-swift dht providers 1220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
            """
    )

    @Argument(help: ArgumentHelp("A CID, or a multihash in hex.", valueName: "key"), transform: { try Multihash($0) })
    var key: Multihash?

    @OptionGroup var model: ModelOptions

    @Option(
        help: ArgumentHelp("The blocks, by default all of the model.", valueName: "first..end"),
        transform: { try BlockRange($0) }
    )
    var blocks: BlockRange?

    @OptionGroup var network: NetworkOptions

    @OptionGroup var limit: TimeLimit

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if self.key != nil, self.blocks != nil || self.model.model != nil {
            throw ValidationError("Give a key or a model with its --blocks, not both.")
        }
    }

    func run() async throws {
        let settings = try await Settings.load()
        let questions = try self.questions(settings)
        let answers = try await withInterruption {
            try await self.limit.limiting {
                try await withClient(self.network, settings: settings) { swarm in
                    try await Self.ask(questions, of: swarm.dht)
                }
            }
        }
        if self.json {
            try Terminal.print(json: ProvidersReport(answers))
        } else {
            try Self.printTable(answers)
        }
        if answers.allSatisfy(\.providers.isEmpty) { throw NobodyProvides(isModel: self.key == nil) }
    }

    /// One key of the DHT, and what it stands for.
    fileprivate struct Question: Sendable {
        var key: [UInt8]
        var blocks: String?
    }

    fileprivate struct Answer: Sendable {
        var question: Question
        var providers: [PeerInfo]
    }

    private func questions(_ settings: Settings) throws -> [Question] {
        if let key = self.key { return [Question(key: key.bytes)] }
        let directory = try self.model.directory(settings)
        let blockCount = directory.configuration.blockCount
        let range = try self.blocks ?? BlockRange(0, blockCount)
        guard range.upperBound <= blockCount else {
            throw UsageError("the model has \(blockCount) blocks: choose --blocks within 0..\(blockCount)")
        }
        let first = range.lowerBound / Announcement.segmentSize
        let keys = Announcement.keys(model: try ModelKey(bytes: directory.modelKey), range: range)
        return keys.enumerated().map { index, key in
            let start = (first + index) * Announcement.segmentSize
            return Question(key: key, blocks: "\(start)..\(min(blockCount, start + Announcement.segmentSize))")
        }
    }

    private static func ask(_ questions: [Question], of dht: DHT) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: (Int, [PeerInfo]).self) { group in
            for (index, question) in questions.enumerated() {
                group.addTask { (index, try await dht.providers(of: question.key)) }
            }
            var answers = questions.map { Answer(question: $0, providers: []) }
            for try await (index, providers) in group {
                answers[index].providers = providers.sorted { $0.id < $1.id }
            }
            return answers
        }
    }

    private static func printTable(_ answers: [Answer]) throws {
        var table = Table(header: [answers[0].question.blocks == nil ? "KEY" : "BLOCKS", "PEER", "ADDRESSES"])
        for answer in answers {
            for provider in answer.providers {
                table.append([
                    answer.question.blocks ?? Hex.text(answer.question.key),
                    "\(provider.id)",
                    provider.addresses.map { "\($0)" }.joined(separator: " "),
                ])
            }
        }
        try Terminal.print(table.lines.joined(separator: "\n"))
    }
}

/// What `dht providers --json` prints.
private struct ProvidersReport: Encodable {
    var keys: [Key]

    struct Key: Encodable {
        var key: String
        var blocks: String?
        var providers: [PeerReport]
    }

    init(_ answers: [DHTProvidersCommand.Answer]) {
        self.keys = answers.map { answer in
            Key(
                key: Hex.text(answer.question.key),
                blocks: answer.question.blocks,
                providers: answer.providers.map(PeerReport.init)
            )
        }
    }
}

/// The lookups ended, and nobody was named.
private struct NobodyProvides: Error, CustomStringConvertible {
    let isModel: Bool

    var description: String {
        self.isModel
            ? "nobody provides these blocks: serve them with \"kwaai-swift serve\", or give the --model that others serve"
            : "nobody provides that key: check it, or join through another peer with --bootstrap"
    }
}
