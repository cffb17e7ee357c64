#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A file mapped for reading: its pages are read when they are first touched, and shared with every other process
/// that maps it.
final class MappedFile: @unchecked Sendable {
    // Sendable: the bytes are read-only and live as long as this object.

    let bytes: UnsafeRawBufferPointer
    let identity: FileIdentity
    /// Stays open, to see whether the file is changed.
    private let descriptor: Int32

    init(path: String) throws(ModelError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path) }
        do throws(ModelError) {
            self.identity = try FileIdentity(descriptor: descriptor, path: path)
            guard self.identity.size > 0 else {
                throw ModelError(.truncatedFile, "\(path) is empty; download it again.")
            }
            guard let address = mmap(nil, self.identity.size, PROT_READ, MAP_PRIVATE, descriptor, 0),
                address != MAP_FAILED
            else { throw unreadable(path) }
            self.bytes = UnsafeRawBufferPointer(start: address, count: self.identity.size)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: self.bytes.baseAddress), self.bytes.count)
        close(self.descriptor)
    }

    /// Whether the file still has the size and time of change that it had when it was opened.
    var isUnchanged: Bool { (try? FileIdentity(descriptor: self.descriptor, path: "")) == self.identity }

    /// Asks the system to read these bytes ahead, without waiting for them.
    static func prefetch(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        let pageSize = Int(getpagesize())
        let misalignment = Int(bitPattern: start) % pageSize
        madvise(UnsafeMutableRawPointer(mutating: start - misalignment), bytes.count + misalignment, MADV_WILLNEED)
    }

    /// Takes the pages that lie whole in these bytes out of this process's memory. They stay in the system's cache as
    /// long as it has room, and come back when they are read again.
    static func release(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        let pageSize = Int(getpagesize())
        let skipped = (pageSize - Int(bitPattern: start) % pageSize) % pageSize
        let count = (bytes.count - skipped) / pageSize * pageSize
        if count > 0 { madvise(UnsafeMutableRawPointer(mutating: start + skipped), count, MADV_DONTNEED) }
    }
}

/// What tells one content of a file from another without reading it.
struct FileIdentity: Equatable, Sendable {
    var size: Int
    /// Nanoseconds since 1970.
    var modified: Int64
    var inode: UInt64

    fileprivate init(descriptor: Int32, path: String) throws(ModelError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ModelError(.unreadableFile, "\(path) is not a file.")
        }
        self.size = Int(status.st_size)
        self.inode = UInt64(status.st_ino)
        #if canImport(Darwin)
            let time = status.st_mtimespec
        #else
            let time = status.st_mtim
        #endif
        self.modified = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// All bytes of a small file, at most `limit`.
func contents(of path: String, limit: Int) throws(ModelError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path) }
    defer { close(descriptor) }
    let size = try FileIdentity(descriptor: descriptor, path: path).size
    guard size <= limit else {
        throw ModelError(.invalidFile, "\(path) has \(size) bytes, more than the \(limit) that such a file may have.")
    }
    var filled = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        while filled < size {
            let got = read(descriptor, buffer.baseAddress.map { $0 + filled }, size - filled)
            guard got > 0 else { break }
            filled += got
        }
        count = filled
    }
    guard filled == size else { throw unreadable(path) }
    return bytes
}

/// Whether there is anything at `path`.
func exists(_ path: String) -> Bool {
    access(path, F_OK) == 0
}

/// Says why the last system call on `path` failed.
private func unreadable(_ path: String) -> ModelError {
    ModelError(.unreadableFile, "\(path) cannot be read: \(String(cString: strerror(errno))).")
}
