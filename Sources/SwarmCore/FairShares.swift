internal import P2PWire

/// What each peer has had, as start-time fair queueing counts it: in rows computed, from a floor that rises with whoever
/// has had the least. A peer that was away comes back at the floor, so that nobody saves up.
struct FairShares: Sendable {
    private struct Account: Sendable {
        var rows: Int
        /// The last pass that it had rows in, and the last that it led.
        var served: Int
        var led: Int?
    }

    private var accounts: [PeerID: Account] = [:]
    private var floor = 0
    private var pass = 0

    /// Peers that it keeps an account of.
    var count: Int { self.accounts.count }

    func used(by peer: PeerID) -> Int { max(self.accounts[peer]?.rows ?? 0, self.floor) }

    /// The pass in which a peer led last; nil where that is long ago.
    func lastLed(by peer: PeerID) -> Int? { self.accounts[peer]?.led }

    /// A peer's turn to choose the span, while it and others wait. It pays for reading the weights, as much as a few rows
    /// cost.
    mutating func lead(_ peer: PeerID, in pass: Int, among waiting: some Sequence<PeerID>) {
        self.pass = pass
        self.floor = waiting.map { self.used(by: $0) }.min() ?? self.floor
        // Whoever had nothing for so long is given a turn in any case.
        self.accounts = self.accounts.filter { pass - $0.value.served < Limits.passesOver }
        self.charge(peer, rows: Limits.rowsOfReading)
        self.accounts[peer]?.led = pass
    }

    /// Rows on a peer's account. What it got beside others cost them nothing, so it never owes more than one pass.
    mutating func charge(_ peer: PeerID, rows: Int) {
        let used = min(self.used(by: peer) + rows, self.floor + Limits.owedRows)
        self.accounts[peer] = Account(rows: used, served: self.pass, led: self.accounts[peer]?.led)
    }
}
