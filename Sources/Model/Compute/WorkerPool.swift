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

    /// Calls `body` once for every part in `0..<parts`, on several threads, and returns when all are done.
    func run(parts: Int, _ body: (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            var body = body
            withUnsafeMutablePointer(to: &body) { pointer in
                kw_pool_run(
                    self.pool,
                    parts,
                    { context, part in
                        context?.assumingMemoryBound(to: ((Int) -> Void).self).pointee(part)
                    },
                    pointer
                )
            }
        }
    }
}
