import CMachine
import Foundation
import Model

/// A loaded model and what it is asked to do.
struct Subject {
    static let decodeTokens = 128
    static let prefillTokens = 512

    private let range: LoadedRange
    /// The file of weights, mapped once more: the same pages of the system's cache.
    private let file: Data
    let weightBytes: Int
    let prefillOperations: Int

    init(_ subject: Options.Subject, threads: Int) throws {
        let directory = try ModelDirectory(path: subject.model).quantized(to: subject.quantization)
        let configuration = directory.configuration
        self.range = try LoadedRange(directory, range: 0..<configuration.blockCount, threads: threads)
        let isFile = subject.model.hasSuffix(".gguf")
        let weights = isFile ? subject.model : subject.model + "/model.safetensors"
        self.file = try Data(contentsOf: URL(fileURLWithPath: weights), options: .alwaysMapped)
        self.weightBytes = try directory.weightBytes(of: self.range.range)
        self.prefillOperations = 2 * Self.weightsPerToken(configuration)
    }

    /// Weights of all blocks, without the head's.
    private static func weightsPerToken(_ configuration: ModelConfiguration) -> Int {
        let heads = 2 * (configuration.headCount + configuration.keyValueHeadCount) * configuration.headDimension
        return configuration.blockCount * configuration.hiddenSize * (heads + 3 * configuration.feedForwardSize)
    }

    /// Bytes per second.
    func readRate(threads: Int) -> Double {
        self.file.withUnsafeBytes { machine_read_rate($0.baseAddress, $0.count, threads) }
    }

    /// Tokens per second of a sequence that begins with one token.
    func decode() throws -> Double {
        try self.decode(Self.decodeTokens, caches: [try self.range.makeCache(maximumTokens: Self.decodeTokens)])
    }

    /// Tokens per second of all sequences together.
    func decode(batch: Int) throws -> Double {
        let caches = try (0..<batch).map { _ in try self.range.makeCache(maximumTokens: Self.decodeTokens) }
        return try self.decode(Self.decodeTokens / 4, caches: caches)
    }

    func prefill() throws -> Double {
        let cache = try self.range.makeCache(maximumTokens: Self.prefillTokens)
        let seconds = try timed { try self.step(self.tokens(Self.prefillTokens), cache) }
        return Double(Self.prefillTokens) / seconds
    }

    /// A sequence of `context` tokens, for `decode(behind:)`.
    func context(_ context: Int) throws -> KVCache {
        let cache = try self.range.makeCache(maximumTokens: context + Self.decodeTokens)
        try self.step(self.tokens(context), cache)
        return cache
    }

    /// Tokens per second of a sequence that has a context, and has it again afterwards.
    func decode(behind cache: KVCache) throws -> Double {
        let context = cache.length
        defer { cache.truncate(to: context) }
        return try self.decode(Self.decodeTokens / 4, caches: [cache])
    }

    private func decode(_ count: Int, caches: [KVCache]) throws -> Double {
        let seconds = try timed {
            for token in self.tokens(count) {
                let steps = caches.map { cache in
                    LoadedRange.Step(
                        input: .tokens([token]),
                        position: cache.length,
                        cache: cache,
                        output: .logits(.last)
                    )
                }
                for result in self.range.forward(steps, blocks: self.range.range) { _ = try result.get() }
            }
        }
        return Double(count * caches.count) / seconds
    }

    private func step(_ tokens: [UInt32], _ cache: KVCache) throws {
        _ = try self.range.forward(
            .tokens(tokens),
            blocks: self.range.range,
            at: cache.length,
            cache: cache,
            output: .logits(.last)
        )
    }

    private func tokens(_ count: Int) -> [UInt32] {
        (0..<UInt32(count)).map { ($0 * 7919 + 13) % UInt32(self.range.configuration.vocabularySize) }
    }
}

func timed(_ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    return try clock.measure(body) / .seconds(1)
}

func median(_ values: [Double]) -> Double {
    values.sorted()[values.count / 2]
}
