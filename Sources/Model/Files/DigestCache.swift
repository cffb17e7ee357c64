internal import StrictJSON

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Digests of files that have been read before, so that a large model need not be hashed at every start.
///
/// An entry is known by the path, size, time of change and inode of the files that it was computed from. Nothing
/// depends on the cache: what cannot be read is computed again, what cannot be written is forgotten.
package struct DigestCache: Sendable {
    /// Nil keeps nothing.
    private var folder: String?

    package init(folder: String?) { self.folder = folder }

    package static let none = DigestCache(folder: nil)

    /// `kwaai-swift/digests` in the XDG cache folder.
    static var standard: DigestCache {
        let environment = ProcessInfo.processInfo.environment
        if let base = environment["XDG_CACHE_HOME"], base.hasPrefix("/") {
            return DigestCache(folder: "\(base)/kwaai-swift/digests")
        }
        return DigestCache(folder: environment["HOME"].map { "\($0)/.cache/kwaai-swift/digests" })
    }

    /// What a set of digests was computed from.
    struct Entry {
        private var text: String

        init(kind: String) { self.text = kind }

        init(kind: String, path: String, identity: FileIdentity) {
            self.init(kind: kind)
            self.add(path: path, identity: identity)
        }

        mutating func add(path: String, identity: FileIdentity) {
            let absolute = URL(fileURLWithPath: path).path
            self.text += "\n\(absolute)\n\(identity.size) \(identity.modified) \(identity.inode)"
        }

        fileprivate var fileName: String { SHA256.digest(Array(self.text.utf8)).hex + ".json" }
    }

    func read(_ entry: Entry) -> [String: [UInt8]] {
        guard let folder,
            let bytes = try? contents(of: "\(folder)/\(entry.fileName)", limit: Limits.configurationBytes),
            let members = try? JSON(parsing: bytes).members
        else { return [:] }
        return members.reduce(into: [:]) { digests, member in
            guard let digest = member.value.string.flatMap({ [UInt8](hex: $0) }), digest.count == 32 else { return }
            digests[member.key] = digest
        }
    }

    func write(_ digests: [String: [UInt8]], to entry: Entry) {
        guard let folder else { return }
        let json = JSON.object(digests.map { .init($0.key, .string($0.value.hex)) })
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let file = URL(fileURLWithPath: "\(folder)/\(entry.fileName)")
        try? Data(json.canonicalBytes).write(to: file, options: .atomic)
    }
}
