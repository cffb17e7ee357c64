import NIOCore
import Testing

@testable import ShardProtocol

@Suite struct StepExtensionTests {
    private func decode(_ fields: [(String, MessagePackValue)]) throws -> StepExtension {
        try StepExtension(.map(fields.map { MessagePackValue.Pair(key: .string($0.0), value: $0.1) }))
    }

    @Test func `needs an operation, a span and a step`() throws {
        let fields: [(String, MessagePackValue)] = [
            ("op", .string("close")), ("start_block", .unsigned(2)), ("end_block", .unsigned(5)),
            ("step", .unsigned(9)),
        ]
        let expected = StepExtension(operation: .close, blocks: try BlockRange(2, 5), step: 9)
        #expect(try self.decode(fields) == expected)
        for index in fields.indices {
            var incomplete = fields
            incomplete.remove(at: index)
            #expect(throws: ShardError.self) { try self.decode(incomplete) }
        }
    }

    @Test(arguments: [
        ("op", MessagePackValue.string("fly")), ("start_block", .negative(-1)), ("end_block", .unsigned(2)),
        ("end_block", .unsigned(1025)), ("step", .unsigned(1 << 32)), ("rollback", .unsigned(1)),
        ("max_tokens", .double(3)), ("logits", .string("some")),
    ])
    func `refuses a field that makes no sense`(key: String, value: MessagePackValue) {
        var fields: [(String, MessagePackValue)] = [
            ("op", .string("step")), ("start_block", .unsigned(2)), ("end_block", .unsigned(5)), ("step", .unsigned(9)),
        ]
        fields.removeAll { $0.0 == key }
        fields.append((key, value))
        #expect(throws: ShardError.self) { try self.decode(fields) }
    }
}
