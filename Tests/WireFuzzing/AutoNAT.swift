import P2PWire

extension FuzzTarget {
    /// What a peer says that wants to be dialled, one frame after the other, to a host that must not harm others by it.
    static let autoNAT = [
        FuzzTarget("autonat") { input throws(BrokenPromise) in
            if let message = try? AutoNATMessage(bytes: input.array) { try Self.check(message) }
            if let back = try? DialBack(bytes: input.array) {
                try promise((try? DialBack(bytes: back.bytes)) == back, "a dial back changes when copied")
            }
            var frames = input
            var conversation = Conversation()
            while let frame = try? frames.readUVarintPrefixedSlice(limit: P2PWire.Limits.autoNATMessage),
                let message = try? AutoNATMessage(bytes: frame.array), try conversation.goesOn(after: message)
            {}
        }
    ]

    private static func check(_ message: AutoNATMessage) throws(BrokenPromise) {
        let bytes = message.bytes
        guard bytes.count <= P2PWire.Limits.autoNATMessage else { return }
        try promise((try? AutoNATMessage(bytes: bytes)) == message, "\(message) changes when copied")
    }

    /// One dial request of a peer at 8.8.8.8, and what it has paid.
    private struct Conversation {
        static let price: UInt64 = 1_000
        let observed = try? IPAddress("8.8.8.8", family: .v4)
        var server: DialRequestServer
        var paid: UInt64 = 0

        init() {
            self.server = DialRequestServer(
                policy: DialBackPolicy(families: [.v4]),
                observed: self.observed,
                dataByteCount: Self.price
            )
        }

        mutating func goesOn(after message: AutoNATMessage) throws(BrokenPromise) -> Bool {
            if case .dialData(let count) = message { self.paid += UInt64(count) }
            guard let action = try? self.server.received(message) else { return false }
            switch action {
            case .read: return true
            case .finish: return false
            case .dial(let address, _, let isForeign):
                try promise(address.ipAddress == self.observed || isForeign, "\(address) passes for the asker's own")
                try promise(address.ipAddress?.scope == .global, "\(address) is dialled for a stranger")
                try promise(!isForeign || self.paid >= Self.price, "\(address) is dialled for nothing")
                _ = self.server.dialed(.ok)
                return false
            }
        }
    }
}
