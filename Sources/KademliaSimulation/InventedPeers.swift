internal import KademliaCore
internal import P2PWire

/// Ids that somebody drew beforehand, so many that some are closer to any point than those of the nodes that exist.
struct InventedPeers: Sendable {
    private var sorted: [(key: KademliaKey, id: PeerID)]
    private let indices: [PeerID: Int]

    init(count: Int, using generator: inout SeededGenerator) {
        var drawn: [(key: KademliaKey, id: PeerID)] = []
        for _ in 0..<count {
            let id = PeerID.drawn(using: &generator)
            drawn.append((KademliaKey(id), id))
        }
        self.sorted = drawn.sorted { $0.key.words.precedes($1.key.words) }
        self.indices = Dictionary(uniqueKeysWithValues: self.sorted.enumerated().map { ($1.id, $0) })
    }

    func contains(_ peer: PeerID) -> Bool { self.indices[peer] != nil }

    /// About the `count` that are closest to `target`: those among its neighbours in numerical order.
    func closest(to target: KademliaKey, count: Int) -> [PeerID] {
        let middle = self.sorted[...].partitioningIndex { !$0.key.words.precedes(target.words) }
        let window = self.sorted[max(0, middle - count)..<min(self.sorted.count, middle + count)]
        return window.map { ($0.key.distance(to: target), $0.id) }.sorted { $0.0 < $1.0 }.prefix(count).map(\.1)
    }
}

extension PeerID {
    /// The form of an Ed25519 peer id; nobody signs anything here, so any 32 bytes do for the key.
    static func drawn(using generator: inout SeededGenerator) -> PeerID {
        let key = (0..<4).flatMap { _ in
            withUnsafeBytes(of: generator.next()) { Array($0) }
        }
        guard let id = try? PeerID(bytes: [0x00, 0x24, 0x08, 0x01, 0x12, 0x20] + key) else {
            preconditionFailure("38 bytes of that form are a peer id")
        }
        return id
    }
}

extension SIMD4<UInt64> {
    func precedes(_ other: Self) -> Bool {
        for index in 0..<4 where self[index] != other[index] { return self[index] < other[index] }
        return false
    }
}

extension ArraySlice {
    /// Where the elements that satisfy `belongs` begin; all of them stand behind all others.
    func partitioningIndex(where belongs: (Element) -> Bool) -> Int {
        var low = self.startIndex
        var high = self.endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
