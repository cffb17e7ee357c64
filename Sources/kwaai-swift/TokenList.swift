import ArgumentParser

/// Token ids as one argument: `1,42,7`.
struct TokenList: ExpressibleByArgument {
    let ids: [UInt32]

    init?(argument: String) {
        var ids: [UInt32] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let id = UInt32(part) else { return nil }
            ids.append(id)
        }
        self.ids = ids
    }
}
