/// What can run out.
public enum Resource: String, Sendable, Codable, CaseIterable {
    case connections
    case streams
    /// Bytes.
    case memory
}

/// How much of each resource.
public struct ResourceAmount: Sendable, Hashable, Codable {
    public var connections: Int
    public var streams: Int
    /// Bytes.
    public var memory: Int

    public init(connections: Int = 0, streams: Int = 0, memory: Int = 0) {
        self.connections = connections
        self.streams = streams
        self.memory = memory
    }

    public static let none = ResourceAmount()
    /// More than anything takes: a bound that is none.
    public static let unlimited = ResourceAmount(connections: .max, streams: .max, memory: .max)

    /// The first resource of which there is more here than there.
    func exceeds(_ bound: ResourceAmount) -> (resource: Resource, limit: Int)? {
        if self.connections > bound.connections { return (.connections, bound.connections) }
        if self.streams > bound.streams { return (.streams, bound.streams) }
        if self.memory > bound.memory { return (.memory, bound.memory) }
        return nil
    }

    static func + (a: ResourceAmount, b: ResourceAmount) -> ResourceAmount {
        ResourceAmount(
            connections: a.connections + b.connections,
            streams: a.streams + b.streams,
            memory: a.memory + b.memory
        )
    }

    static func - (a: ResourceAmount, b: ResourceAmount) -> ResourceAmount {
        ResourceAmount(
            connections: a.connections - b.connections,
            streams: a.streams - b.streams,
            memory: a.memory - b.memory
        )
    }
}

/// Who began a connection or a stream. Memory counts for the side that began its connection.
public enum Direction: String, Sendable, Codable {
    case inbound
    case outbound
}

/// What a scope holds.
public struct ResourceUsage: Sendable, Hashable, Codable {
    public internal(set) var inbound = ResourceAmount.none
    public internal(set) var outbound = ResourceAmount.none

    public var total: ResourceAmount { self.inbound + self.outbound }

    subscript(direction: Direction) -> ResourceAmount {
        get {
            switch direction {
            case .inbound: self.inbound
            case .outbound: self.outbound
            }
        }
        set {
            switch direction {
            case .inbound: self.inbound = newValue
            case .outbound: self.outbound = newValue
            }
        }
    }
}

/// What a scope may hold: of what others began, and altogether. The difference is kept for what this host begins, so
/// that strangers who take all there is for them cannot keep it from reaching others.
public struct ResourceBound: Sendable, Hashable, Codable {
    public var inbound: ResourceAmount
    public var total: ResourceAmount

    public init(inbound: ResourceAmount = .unlimited, total: ResourceAmount = .unlimited) {
        self.inbound = inbound
        self.total = total
    }

    /// What is there for those who can do without.
    var halvingMemory: ResourceBound {
        var bound = self
        bound.inbound.memory /= 2
        bound.total.memory /= 2
        return bound
    }
}
