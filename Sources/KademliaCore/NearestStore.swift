internal import P2PWire

/// A dictionary that, once full, keeps the keys nearest to its owner.
///
/// Kademlia stores a record at the k nodes nearest to its key. So when there is no room, the record that is farthest
/// away is the one that this node is the least likely to be asked for.
struct NearestStore<Value: Sendable>: Sendable {
    private let owner: KademliaKey
    private let capacity: Int
    private var entries: [[UInt8]: (distance: Distance, value: Value)] = [:]

    init(owner: KademliaKey, capacity: Int) {
        self.owner = owner
        self.capacity = capacity
    }

    var count: Int { self.entries.count }
    var keys: some Collection<[UInt8]> { self.entries.keys }

    subscript(key: [UInt8]) -> Value? { self.entries[key]?.value }

    /// Stores `value` unless there is no room nearer than `key`. Returns the key that had to make room.
    mutating func set(_ value: Value, for key: [UInt8]) -> Outcome {
        if let distance = self.entries[key]?.distance {
            self.entries[key] = (distance, value)
            return .stored(evicted: nil)
        }
        let distance = KademliaKey(hashing: key).distance(to: self.owner)
        guard self.entries.count >= self.capacity else {
            self.entries[key] = (distance, value)
            return .stored(evicted: nil)
        }
        guard let farthest = self.entries.max(by: { $0.value.distance < $1.value.distance }),
            distance < farthest.value.distance
        else { return .full }
        self.entries[farthest.key] = nil
        self.entries[key] = (distance, value)
        return .stored(evicted: farthest.value.value)
    }

    mutating func remove(_ key: [UInt8]) {
        self.entries[key] = nil
    }

    enum Outcome {
        case stored(evicted: Value?)
        case full
    }
}
