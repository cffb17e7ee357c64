#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Where the pages of some of a cache's blocks are.
///
/// Blocks with a window use a few pages in a circle: the table has an entry for every page of the sequence, and those
/// that are a circle apart are one page, which holds the later positions.
struct PageTable: @unchecked Sendable {
    // Sendable: the memory belongs to the pass that took the cache.

    /// The entries that exist, then nil.
    let pages: UnsafeMutablePointer<UnsafeRawPointer?>
    let capacity: Int
    /// 0 where there are no such blocks, and then there is no memory.
    let pageBytes: Int
    /// Pages in memory at most.
    let circle: Int

    init(capacity: Int, pageBytes: Int, circle: Int) {
        self.capacity = max(capacity, 1)
        self.pageBytes = pageBytes
        self.circle = circle
        self.pages = .allocate(capacity: self.capacity)
        self.pages.initialize(repeating: nil, count: self.capacity)
    }

    /// Bytes in memory while the first `count` entries exist.
    func byteCount(entries count: Int) -> Int { min(count, self.circle) * self.pageBytes }

    /// Makes the entry `index`, all before which exist; false where the machine has no memory left.
    func add(_ index: Int) -> Bool {
        guard self.pageBytes > 0, self.pages[index] == nil else { return true }
        let page = index < self.circle ? UnsafeRawPointer(calloc(self.pageBytes, 1)) : self.pages[index - self.circle]
        self.pages[index] = page
        return page != nil
    }

    func deallocate() {
        for page in 0..<min(self.capacity, self.circle) { free(UnsafeMutableRawPointer(mutating: self.pages[page])) }
        self.pages.deallocate()
    }
}
