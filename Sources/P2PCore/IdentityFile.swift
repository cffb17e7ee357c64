public import P2PWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The file in which a peer keeps its key, so that it is the same peer after a restart.
///
/// The file holds the private key as libp2p implementations keep theirs, is readable by its owner alone, and is locked
/// while this value lives: two processes with one identity would take each other's connections.
public struct IdentityFile: Sendable {
    public let path: String
    public let identity: Identity
    private let lock: LockedFile

    /// Opens the file and locks it; with `createIfMissing` a missing one is made, with a fresh identity in it.
    ///
    /// A file that is there is never written to, whatever it holds: a key that is lost is a peer that is lost.
    ///
    /// - Throws: ``P2PError/Code/identityInUse`` when another process holds the file, otherwise
    ///   ``P2PError/Code/identityUnusable``; both name the file and what to do.
    public static func load(path: String, createIfMissing: Bool) throws(P2PError) -> IdentityFile {
        if let file = try LockedFile(path: path) { return try IdentityFile(path: path, lock: file) }
        guard createIfMissing else {
            throw P2PError(.identityUnusable, "there is no identity file \(path); create one with `kwaai-swift id`")
        }
        try self.create(path: path)
        guard let file = try LockedFile(path: path) else {
            throw P2PError(.identityUnusable, "the identity file \(path) was removed as soon as it was made; try again")
        }
        return try IdentityFile(path: path, lock: file)
    }

    /// The peer id of a file that another process may hold: what a person asks for while their peer is running.
    ///
    /// - Throws: ``P2PError/Code/identityUnusable``, naming the file and what to do.
    public static func peerID(path: String) throws(P2PError) -> PeerID {
        guard let file = try LockedFile(path: path, isLocked: false) else {
            throw P2PError(.identityUnusable, "there is no identity file \(path); create one with `kwaai-swift id`")
        }
        return try IdentityFile(path: path, lock: file).identity.peerID
    }

    private init(path: String, lock: LockedFile) throws(P2PError) {
        do throws(WireError) {
            self.identity = try Identity(privateKeyProtobuf: lock.contents(limit: Limits.identityFile))
        } catch {
            throw P2PError(
                .identityUnusable,
                """
                the identity file \(path) holds no usable key (\(error.message)); restore it from a backup, or move it \
                away to start as a new peer
                """
            )
        }
        self.path = path
        self.lock = lock
    }

    /// Writes a fresh identity beside `path` and links it there in one step, so that nobody ever reads half a key and
    /// of several processes that do this at once exactly one succeeds; the others find its file.
    private static func create(path: String) throws(P2PError) {
        try self.createFolder(of: path)
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0...UInt32.max)).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure("create", path) }
        defer { unlink(temporary) }

        let bytes = Identity().privateKeyProtobuf
        let isWritten = write(descriptor, bytes, bytes.count) == bytes.count && fsync(descriptor) == 0
        let writeError = errno
        close(descriptor)
        guard isWritten else { throw Self.failure("write", path, error: writeError) }
        guard link(temporary, path) == 0 || errno == EEXIST else { throw Self.failure("create", path) }
    }

    private static func createFolder(of path: String) throws(P2PError) {
        var folder = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false).dropLast() {
            folder += part + "/"
            // "/" itself and folders that are there answer EEXIST, or EISDIR on some systems.
            guard mkdir(folder, 0o700) == 0 || access(folder, F_OK) == 0 else { throw Self.failure("create", folder) }
        }
    }

    fileprivate static func failure(_ verb: String, _ path: String, error: CInt = errno) -> P2PError {
        P2PError(
            .identityUnusable,
            "cannot \(verb) \(path): \(String(cString: strerror(error))); mend that, or name another file with --identity"
        )
    }
}

/// An open file that no other process may lock, until it is released.
private final class LockedFile: Sendable {
    private let path: String
    private let descriptor: CInt

    /// Nil when there is no such file. With `isLocked` false it is only for reading once.
    init?(path: String, isLocked: Bool = true) throws(P2PError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            guard errno == ENOENT else { throw IdentityFile.failure("open", path) }
            return nil
        }
        // From here on `deinit` closes the descriptor, also when a check fails.
        self.path = path
        self.descriptor = descriptor
        try self.checkPermissions()
        guard !isLocked || flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else { throw IdentityFile.failure("lock", path) }
            throw P2PError(
                .identityInUse,
                "another process uses the identity file \(path); stop it, or give this one its own with --identity FILE"
            )
        }
    }

    deinit { close(self.descriptor) }

    private func checkPermissions() throws(P2PError) {
        var status = stat()
        guard fstat(self.descriptor, &status) == 0 else { throw IdentityFile.failure("inspect", self.path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw P2PError(.identityUnusable, "\(self.path) is not a file; name another with --identity")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw P2PError(
                .identityUnusable,
                "others may read the identity file \(self.path); if it is still secret, run `chmod 600 \(self.path)`"
            )
        }
    }

    /// The file's bytes, one more than `limit` at most: enough to see that it is too long.
    func contents(limit: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        let count = pread(self.descriptor, &bytes, bytes.count, 0)
        return Array(bytes.prefix(max(0, count)))
    }
}
