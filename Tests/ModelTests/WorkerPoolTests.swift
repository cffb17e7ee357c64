import Foundation
import Synchronization
import Testing

@testable import Model

@Suite struct WorkerPoolTests {
    @Test(arguments: [1, 2, 3, 8]) func `does every part once`(threads: Int) {
        let pool = WorkerPool(threads: threads)
        // Many times, since threads that take the same part must meet to do so.
        for parts in Array(repeating: [0, 1, 2, 7, 100], count: 200).flatMap(\.self) {
            let counts = (0..<parts).map { _ in Counter() }
            pool.run(parts: parts) { counts[$0].value.add(1, ordering: .relaxed) }
            #expect(counts.allSatisfy { $0.value.load(ordering: .relaxed) == 1 })
        }
    }

    @Test func `gives each thread parts that lie together`() {
        let pool = WorkerPool(threads: 2)
        for _ in 0..<20 {
            // The first parts of both hold each other up, so that both take part.
            let begun = Mutex<[Int]>([])
            let arrived = Counter()
            pool.run(count: 100) { parts in
                let isFirst = begun.withLock { begun in
                    guard begun.count < 2 else { return false }
                    begun.append(parts.lowerBound)
                    return true
                }
                guard isFirst else { return }
                arrived.value.add(1, ordering: .relaxed)
                while arrived.value.load(ordering: .relaxed) < 2 {}
            }
            #expect(begun.withLock { $0.sorted() } == [0, 50])
        }
    }

    @Test func `a thread that has done its parts takes those of one that is held up`() {
        let pool = WorkerPool(threads: 2)
        for _ in 0..<20 {
            let done = Counter()
            pool.run(count: 100) { parts in
                // Whoever has part 0 waits until all others are done, but those that it has taken together with this one.
                if parts.contains(0) { while done.value.load(ordering: .relaxed) < 100 - parts.count {} }
                done.value.add(parts.count, ordering: .relaxed)
            }
            #expect(done.value.load(ordering: .relaxed) == 100)
        }
    }

    @Test func `returns when the last part is done`() {
        let pool = WorkerPool(threads: 2)
        for _ in 0..<20 {
            let (begun, done) = (Counter(), Counter())
            pool.run(parts: 2) { part in
                // Each waits for the other, so that both threads take part; the one that comes later takes longer.
                begun.value.add(1, ordering: .relaxed)
                while begun.value.load(ordering: .relaxed) < 2 {}
                if part == 1 { for _ in 0..<100_000 { _ = begun.value.load(ordering: .sequentiallyConsistent) } }
                done.value.add(1, ordering: .relaxed)
            }
            #expect(done.value.load(ordering: .relaxed) == 2)
        }
    }

    @Test func `serves several callers at once`() {
        let pool = WorkerPool(threads: 3)
        let total = Counter()
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<500 { pool.run(parts: 5) { total.value.add($0, ordering: .relaxed) } }
        }
        #expect(total.value.load(ordering: .relaxed) == 8 * 500 * 10)
    }

    @Test func `does not mix the work of callers that find it busy into what it does`() {
        let pool = WorkerPool(threads: 2)
        let (outer, inner) = (Counter(), Counter())
        for _ in 0..<20 {
            pool.run(parts: 4) { _ in
                pool.run(parts: 5) { inner.value.add($0, ordering: .relaxed) }
                outer.value.add(1, ordering: .relaxed)
            }
        }
        #expect(outer.value.load(ordering: .relaxed) == 20 * 4)
        #expect(inner.value.load(ordering: .relaxed) == 20 * 4 * 10)
    }

    #if os(Linux)
        @Test(.enabled(if: sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1))
        func `keeps its threads off the caller's core`() async {
            let pool = WorkerPool(threads: 2)
            let met = await Self.onOneCore { core, thread in
                let met = Mutex<[Bool]>([])
                for _ in 0..<20 {
                    // Each waits for the other, so that both take part.
                    let arrived = Counter()
                    pool.run(parts: 2) { _ in
                        arrived.value.add(1, ordering: .relaxed)
                        while arrived.value.load(ordering: .relaxed) < 2 {}
                        guard pthread_equal(pthread_self(), thread) == 0 else { return }
                        met.withLock { $0.append(Core.current() == core) }
                    }
                }
                return met.withLock { $0 }
            }
            #expect(met == Array(repeating: false, count: 20))
        }

        @Test(arguments: [2, 3]) func `uses no processor time while nobody asks`(threads: Int) throws {
            let model = TinyModel()
            let range = try LoadedRange(model.embedded(), range: 0..<model.blocks, threads: threads)
            let input = LoadedRange.Input.tokens([5, 6, 7])
            _ = try range.forward(input, blocks: range.range, at: 0, cache: range.makeCache(), output: .logits(.last))
            let workers = Self.workers(of: range.pool)
            #expect(workers.count == threads - 1)

            // What is left of spinning may take a while on a busy machine.
            var rounds = 0
            while try rounds < 100 && !Self.areIdle(workers) { rounds += 1 }
            #expect(try Self.areIdle(workers))
        }

        /// Whether none of them ran during some ten milliseconds, in which whoever woke up now and then would be caught.
        private static func areIdle(_ workers: [KernelThread]) throws -> Bool {
            let before = try workers.map { try $0.timeUsed }
            let bytes = [UInt8](repeating: 7, count: 1 << 20)
            let hash = SHA256()
            for _ in 0..<64 { hash.append(bytes) }
            _ = hash.finish()
            return try workers.map { try $0.timeUsed } == before
        }

        /// The threads of a pool beside this one.
        private static func workers(of pool: WorkerPool) -> [KernelThread] {
            let caller = KernelThread.current
            let found = Mutex<[KernelThread]>([])
            // Each waits for the others, so that all take part.
            let arrived = Counter()
            pool.run(parts: pool.threads) { _ in
                arrived.value.add(1, ordering: .relaxed)
                while arrived.value.load(ordering: .relaxed) < pool.threads {}
                found.withLock { $0.append(.current) }
            }
            return found.withLock { $0.filter { $0.id != caller.id } }
        }

        /// A thread as Linux sees it.
        private struct KernelThread {
            var id: pid_t

            /// By a function of the C library that Swift's module of it leaves out.
            static var current: KernelThread {
                typealias Function = @convention(c) () -> pid_t
                return KernelThread(id: unsafeBitCast(dlsym(nil, "gettid"), to: Function.self)())
            }

            /// Nanoseconds on a processor so far.
            var timeUsed: Substring? {
                get throws {
                    let path = "/proc/self/task/\(self.id)/schedstat"
                    return try String(contentsOfFile: path, encoding: .utf8).split(separator: " ").first
                }
            }
        }

        /// Runs `body` on a thread that stays on the core on which it starts.
        private static func onOneCore<R: Sendable>(_ body: @escaping @Sendable (Int32, pthread_t) -> R) async -> R {
            await withCheckedContinuation { continuation in
                Thread {
                    let core = Core.current()
                    Core.stay(on: core)
                    continuation.resume(returning: body(core, pthread_self()))
                }.start()
            }
        }

        /// Functions of the C library that Swift's module of it leaves out.
        private enum Core {
            static func current() -> Int32 {
                typealias Function = @convention(c) () -> Int32
                return unsafeBitCast(dlsym(nil, "sched_getcpu"), to: Function.self)()
            }

            static func stay(on core: Int32) {
                typealias Function = @convention(c) (pid_t, Int, UnsafeRawPointer) -> Int32
                var mask = [UInt8](repeating: 0, count: 128)
                mask[Int(core) / 8] = 1 << (core % 8)
                _ = unsafeBitCast(dlsym(nil, "sched_setaffinity"), to: Function.self)(0, mask.count, mask)
            }
        }
    #endif

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }
}
