internal import CKernels

/// A few threads that share one piece of work at a time with the thread that brings it (DESIGN.md §6.7).
final class WorkerPool: @unchecked Sendable {
    // Sendable: the C pool locks; a second caller does its work alone.

    private let pool: OpaquePointer?
    let threads: Int

    /// `threads` counts the caller too; 1 starts none.
    init(threads: Int) {
        self.threads = threads
        self.pool = threads > 1 ? kw_pool_create(threads) : nil
    }

    deinit { kw_pool_destroy(self.pool) }

    /// Calls `body` with ranges that tile `0..<count`, on several threads, and returns when all are done. Each thread
    /// goes through items that lie together, and helps another when it has done its own.
    func run(count: Int, _ body: (Range<Int>) -> Void) {
        withoutActuallyEscaping(body) { body in
            var work = Work(body: body)
            withUnsafeMutablePointer(to: &work) { pointer in
                kw_pool_run(
                    self.pool,
                    count,
                    { $0?.assumingMemoryBound(to: Work.self).pointee.body($1..<$2) },
                    pointer
                )
            }
        }
    }

    /// In a structure, since a pointer to a function alone would make Swift allocate another form of it.
    private struct Work {
        let body: (Range<Int>) -> Void
    }

    /// Calls `body` once for every part in `0..<parts`, on several threads, and returns when all are done.
    func run(parts: Int, _ body: (Int) -> Void) {
        self.run(count: parts) { $0.forEach(body) }
    }
}
