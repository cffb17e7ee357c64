import Foundation
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How many inputs each fuzzer runs: few enough for every run of the tests, or what `KWAAI_FUZZ_INPUTS` says.
let fuzzInputs = ProcessInfo.processInfo.environment["KWAAI_FUZZ_INPUTS"].flatMap(Int.init)

/// Feeds a reader with inputs that seeds make, one after another.
///
/// The reader may refuse an input by throwing. It fails by crashing, by taking longer than `seconds` for one input, and
/// by letting the process grow by more than `bytes` at one input. Growth is only measured where `KWAAI_FUZZ_INPUTS` is
/// set, since other tests allocate in the same process:
///
///     KWAAI_FUZZ_INPUTS=1000000 swift test -c release -Xswiftc -enable-testing --filter FuzzTests
///
/// - Parameters:
///   - make: writes the input of a seed.
///   - read: what is fuzzed; says whether it accepted the input. The bytes end where their memory does.
func fuzz(
    _ name: String,
    words: [String] = [],
    seconds: Double = 10,
    bytes growth: Int = 64 << 20,
    make: (inout Mutator) -> [UInt8],
    read: (UnsafeRawBufferPointer) throws -> Bool
) {
    let count = fuzzInputs ?? 20_000
    let clock = ContinuousClock()
    let watchdog = Watchdog(name: name, seconds: seconds)
    defer { watchdog.stop() }
    var accepted = 0
    var slowest = (seed: 0, time: Duration.zero)
    var peak = peakBytes()
    for seed in 0..<count {
        watchdog.begin(seed)
        var mutator = Mutator(seed: UInt64(seed), words: words)
        let input = make(&mutator)
        // Memory of exactly the input's size, so that a sanitiser sees a read beyond it.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: input.count, alignment: 16)
        copy.copyBytes(from: input)
        let start = clock.now
        if (try? read(UnsafeRawBufferPointer(copy))) == true { accepted += 1 }
        let time = start.duration(to: clock.now)
        copy.deallocate()
        if time > slowest.time { slowest = (seed, time) }
        guard fuzzInputs != nil else { continue }
        let after = peakBytes()
        if after > peak + growth { Issue.record("\(name), seed \(seed): grew by \(after - peak) bytes") }
        peak = after
    }
    #expect(accepted > count / 200 && accepted < count, "\(name): \(accepted) of \(count) inputs were accepted")
    if fuzzInputs != nil {
        print("\(name): \(count) inputs, \(accepted) accepted, slowest \(slowest.time) (seed \(slowest.seed))")
    }
}

/// The most memory that the process has had so far.
private func peakBytes() -> Int {
    var usage = rusage()
    // 0 is RUSAGE_SELF, whose type differs between systems.
    getrusage(0, &usage)
    #if os(Linux)
        return usage.ru_maxrss << 10
    #else
        return usage.ru_maxrss
    #endif
}

/// Ends the process, naming the seed, where one input takes too long: nothing else ends a reader that hangs.
private final class Watchdog: @unchecked Sendable {
    // Sendable: the timer is made, started and stopped by one thread.

    private let seed = Atomic<Int>(0)
    private let timer: any DispatchSourceTimer

    init(name: String, seconds: Double) {
        self.timer = DispatchSource.makeTimerSource(queue: .global(qos: .userInteractive))
        let last = Mutex(-1)
        self.timer.setEventHandler { [weak self] in
            guard let self else { return }
            let seed = self.seed.load(ordering: .relaxed)
            let isStuck = last.withLock { last in
                defer { last = seed }
                return last == seed
            }
            if isStuck { fatalError("\(name), seed \(seed): no end after \(seconds) seconds") }
        }
        self.timer.schedule(deadline: .now() + seconds, repeating: seconds)
        self.timer.resume()
    }

    func begin(_ seed: Int) { self.seed.store(seed, ordering: .relaxed) }

    func stop() { self.timer.cancel() }
}
