package import NIOCore
internal import P2PCore
internal import P2PWire

extension NodeRecord {
    /// The record's MessagePack map; units stand in the names of its keys.
    package func encoded() -> ByteBuffer {
        var packer = MessagePackPacker(capacity: 512 + self.blockDigests.count * 34)
        packer.packMap(count: 18 + (self.name == nil ? 0 : 1) + (self.dialledFrom == nil ? 0 : 1))
        packer.pack("model_name")
        packer.pack(self.modelName)
        packer.pack("model_key")
        packer.pack(binary: self.modelKey.bytes)
        packer.pack("fingerprint")
        packer.pack(binary: self.fingerprint)
        packer.pack("start_block")
        packer.pack(UInt64(self.range.lowerBound))
        packer.pack("end_block")
        packer.pack(UInt64(self.range.upperBound))
        packer.pack("block_count")
        packer.pack(UInt64(clamping: self.blockCount))
        packer.pack("block_digests")
        packer.packArray(count: self.blockDigests.count)
        for digest in self.blockDigests { packer.pack(binary: digest) }
        packer.pack("weight_format")
        packer.pack(self.weightFormat)
        packer.pack("numerics_version")
        packer.pack(self.numerics)
        packer.pack("state")
        packer.pack(self.state.rawValue)
        self.packConditions(into: &packer)
        return packer.bytes
    }

    /// The part that changes from one record of a peer to its next.
    private func packConditions(into packer: inout MessagePackPacker) {
        packer.pack("blocks_per_second")
        packer.pack(self.blocksPerSecond)
        packer.pack("free_kv_bytes")
        packer.pack(self.freeKVBytes)
        packer.pack("neighbour_pings_ms")
        packer.packMap(count: self.neighbourPings.count)
        for (peer, milliseconds) in self.neighbourPings.sorted(by: { $0.key < $1.key }) {
            packer.pack(peer.description)
            packer.pack(milliseconds)
        }
        packer.pack("protocols")
        packer.packArray(count: self.protocols.count)
        for name in self.protocols { packer.pack(name) }
        packer.pack("extensions")
        packer.packArray(count: self.extensions.count)
        for name in self.extensions { packer.pack(name) }
        packer.pack("version")
        packer.pack(self.version)
        packer.pack("sequence")
        packer.pack(self.sequence)
        packer.pack("expiry_unix_s")
        packer.pack(self.expiry.seconds)
        if let name {
            packer.pack("node_name")
            packer.pack(name)
        }
        if let dialledFrom {
            packer.pack("dialled_from")
            packer.pack(dialledFrom.rawValue)
        }
    }

    /// - Throws: `ShardError` with `malformed`.
    package init(decoding bytes: ByteBuffer) throws(ShardError) {
        var cursor = MessagePackCursor(bytes)
        let map = try MessagePackMap(try cursor.readValue(), name: "a node record")
        let lower = try map.number("start_block", as: Int.self)
        let upper = try map.number("end_block", as: Int.self)
        let blockCount = try map.number("block_count", as: Int.self)
        guard let range = try? BlockRange(lower, upper), range.upperBound <= blockCount, blockCount <= Limits.blocks
        else { throw map.wrong("start_block, end_block and block_count") }
        guard let state = State(rawValue: try map.text("state")) else { throw map.wrong("state") }
        self.init(
            modelName: try map.text("model_name"),
            modelKey: try ModelKey(bytes: map.binary("model_key", count: ModelKey.byteCount)),
            fingerprint: try map.binary("fingerprint", count: Self.digestByteCount),
            range: range,
            blockCount: blockCount,
            blockDigests: try Self.digests(map, of: range),
            weightFormat: try map.text("weight_format"),
            numerics: try map.number("numerics_version", as: UInt32.self),
            state: state,
            blocksPerSecond: try map.magnitude("blocks_per_second"),
            freeKVBytes: try map.number("free_kv_bytes", as: UInt64.self),
            neighbourPings: try Self.pings(map),
            protocols: try map.texts("protocols", limit: Limits.protocols),
            extensions: try map.texts("extensions", limit: Limits.protocols),
            version: try map.text("version"),
            sequence: try map.number("sequence", as: UInt64.self),
            expiry: UnixTime(seconds: try map.number("expiry_unix_s", as: UInt64.self)),
            name: try Self.name(map),
            dialledFrom: try Self.dialledFrom(map)
        )
    }

    private static func name(_ map: MessagePackMap) throws(ShardError) -> String? {
        guard map["node_name"] != nil else { return nil }
        let name = try map.text("node_name")
        guard Self.isValid(name: name) else { throw map.wrong("node_name") }
        return name
    }

    /// Nil also for a word of a later version.
    private static func dialledFrom(_ map: MessagePackMap) throws(ShardError) -> Reachability.Origin? {
        guard map["dialled_from"] != nil else { return nil }
        return Reachability.Origin(rawValue: try map.text("dialled_from"))
    }

    private static func digests(_ map: MessagePackMap, of range: BlockRange) throws(ShardError) -> [[UInt8]] {
        var digests: [[UInt8]] = []
        for value in try map.array("block_digests", limit: range.count) {
            guard case .binary(let digest) = value, digest.count == Self.digestByteCount else {
                throw map.wrong("block_digests")
            }
            digests.append(digest)
        }
        guard digests.isEmpty || digests.count == range.count else { throw map.wrong("block_digests") }
        return digests
    }

    private static func pings(_ map: MessagePackMap) throws(ShardError) -> [PeerID: Double] {
        let key = "neighbour_pings_ms"
        guard let value = map[key] else { return [:] }
        guard case .map(let pairs) = value, pairs.count <= Limits.neighbourPings else { throw map.wrong(key) }
        let inner = try MessagePackMap(value, name: "neighbour_pings_ms")
        var pings: [PeerID: Double] = [:]
        for case .string(let text) in pairs.map(\.key) {
            guard let peer = try? PeerID(text) else { throw map.wrong(key) }
            pings[peer] = try inner.magnitude(text)
        }
        return pings
    }
}
