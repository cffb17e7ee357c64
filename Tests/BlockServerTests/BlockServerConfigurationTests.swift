import Model
import ShardProtocol
import Testing

@testable import BlockServer

struct BlockServerConfigurationTests {
    private func free(_ model: ModelDirectory, for range: Range<Int>) throws -> Int {
        try model.memoryNeed(of: range, kvMemory: .oneSession).total
    }

    @Test func `auto takes the blocks that fit`() throws {
        let model = try TinyModel.directory()
        let count = model.configuration.blockCount
        let free = try self.free(model, for: 0..<2)
        let some = try BlockServer.Configuration(model, range: nil, kvMemory: nil, freeMemory: free)
        #expect(some.range == (try BlockRange(0, 2)))
        #expect(some.choices.contains(some.range) && some.choices.last?.upperBound == count)
        for choice in some.choices { #expect(try self.free(model, for: choice.indices) <= free) }
        let named = try BlockServer.Configuration(model, range: BlockRange(0, 2), kvMemory: nil, freeMemory: free)
        #expect(named.choices.isEmpty)
        let all = try BlockServer.Configuration(model, range: nil, kvMemory: nil, freeMemory: nil)
        #expect(all.range == (try BlockRange(0, count)))
        #expect(all.choices.isEmpty)
    }

    @Test func `a range that does not fit is refused with the numbers and the range that would`() throws {
        let model = try TinyModel.directory()
        let free = try self.free(model, for: 0..<2)
        let error = #expect(throws: BlockServerError.self) {
            try BlockServer.Configuration(model, range: BlockRange(0, 3), kvMemory: nil, freeMemory: free)
        }
        #expect(error?.code == .tooLittleMemory)
        for words in ["\(ByteCount(bytes: free)) are free", "--blocks 0..2 would fit", "--overcommit"] {
            #expect(error?.message.contains(words) == true, "\(words)")
        }
    }

    @Test func `a machine too small for one block is told so`() throws {
        let model = try TinyModel.directory()
        let error = #expect(throws: BlockServerError.self) {
            try BlockServer.Configuration(model, range: nil, kvMemory: nil, freeMemory: 1000)
        }
        #expect(error?.message.contains("use a machine with more memory") == true)
    }

    @Test func `caches that leave no room for the weights are refused with the size that would`() throws {
        let model = try TinyModel.directory()
        let need = try model.memoryNeed(of: 0..<4, kvMemory: .bytes(0))
        let error = #expect(throws: BlockServerError.self) {
            try BlockServer.Configuration(
                model,
                range: BlockRange(0, 4),
                kvMemory: 1 << 30,
                freeMemory: need.total + (1 << 20)
            )
        }
        #expect(error?.message.contains("--kv-memory 1MiB would leave room") == true)
    }

    @Test func `caches get what is left, up to two gigabytes, unless a size was named`() throws {
        let model = try TinyModel.directory()
        let need = try model.memoryNeed(of: 0..<2, kvMemory: .oneSession)
        let range = try BlockRange(0, 2)
        func kvMemory(_ named: Int?, free: Int?) throws -> Int {
            try BlockServer.Configuration(model, range: range, kvMemory: named, freeMemory: free).kvMemory
        }
        #expect(try kvMemory(nil, free: need.total) == need.kvCaches)
        #expect(try kvMemory(nil, free: need.total + 5000) == need.kvCaches + 5000)
        #expect(try kvMemory(nil, free: 1 << 40) == 2 << 30)
        #expect(try kvMemory(nil, free: nil) == 2 << 30)
        #expect(try kvMemory(1 << 20, free: 1 << 40) == 1 << 20)
    }
}
