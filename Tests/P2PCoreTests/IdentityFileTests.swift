import P2PWire
import Testing

@testable import P2PCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct IdentityFileTests {
    /// Runs `body` with the path of a folder that is there only meanwhile.
    private func withFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/identity-XXXXXX".utf8CString)
        let made = mkdtemp(&template).map { String(cString: $0) }
        let folder = try #require(made)
        defer {
            for name in ["key", "sub/key", "sub"] { remove(folder + "/" + name) }
            rmdir(folder)
        }
        try body(folder)
    }

    private func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        #expect(pwrite(descriptor, bytes, bytes.count, 0) == bytes.count)
        fchmod(descriptor, mode)
        close(descriptor)
    }

    private func read(_ path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return Array(bytes.prefix(max(0, count)))
    }

    private func code(_ path: String, create: Bool = true) -> P2PError.Code? {
        do throws(P2PError) {
            _ = try IdentityFile.load(path: path, createIfMissing: create)
            return nil
        } catch {
            #expect(error.message.contains(path))
            return error.code
        }
    }

    @Test func `keeps the identity, for its owner alone`() throws {
        try self.withFolder { folder in
            let path = folder + "/sub/key"
            let first = try IdentityFile.load(path: path, createIfMissing: true).identity.peerID
            #expect(try IdentityFile.load(path: path, createIfMissing: false).identity.peerID == first)
            var status = stat()
            #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
    }

    @Test func `does not create what it was not asked to create`() throws {
        try self.withFolder { #expect(self.code($0 + "/key", create: false) == .identityUnusable) }
    }

    @Test func `refuses a second holder until the first is gone`() throws {
        try self.withFolder { folder in
            let path = folder + "/key"
            let file = try IdentityFile.load(path: path, createIfMissing: true)
            withExtendedLifetime(file) { #expect(self.code(path) == .identityInUse) }
            _ = consume file
            #expect(self.code(path) == nil)
        }
    }

    @Test(arguments: [[], [1, 2, 3], [0x08, 0x00, 0x12, 0x00], [UInt8](repeating: 0, count: 8000)] as [[UInt8]])
    func `reports a corrupt file and leaves it as it is`(contents: [UInt8]) throws {
        try self.withFolder { folder in
            let path = folder + "/key"
            self.write(contents, to: path)
            #expect(self.code(path) == .identityUnusable)
            #expect(self.read(path) == contents)
        }
    }

    @Test func `refuses a file that others can read`() throws {
        try self.withFolder { folder in
            let path = folder + "/key"
            self.write(Identity().privateKeyProtobuf, to: path, mode: 0o640)
            #expect(self.code(path) == .identityUnusable)
            #expect(self.code(folder) == .identityUnusable)
        }
    }

    @Test func `of many that create it at once, all find one identity`() async throws {
        var template = Array("/tmp/identity-XXXXXX".utf8CString)
        let made = mkdtemp(&template).map { String(cString: $0) }
        let folder = try #require(made)
        let path = folder + "/key"
        let ids = await withTaskGroup(of: PeerID?.self) { group in
            for _ in 0..<16 {
                group.addTask { try? IdentityFile.load(path: path, createIfMissing: true).identity.peerID }
            }
            return await group.reduce(into: Set<PeerID>()) { ids, id in if let id { ids.insert(id) } }
        }
        #expect(ids.count == 1)
        #expect(try ids == [IdentityFile.load(path: path, createIfMissing: false).identity.peerID])
        #expect(remove(path) == 0 && rmdir(folder) == 0)
    }
}
