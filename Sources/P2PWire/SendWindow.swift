/// The bytes that one stream may still send before the remote must grant more.
///
/// Only bodies of DATA frames count, the multistream bytes of the stream included.
package struct SendWindow: Equatable, Sendable {
    package private(set) var credit: UInt32

    package init(credit: UInt32 = Limits.initialWindow) {
        self.credit = credit
    }

    /// The remote granted `delta` more bytes.
    ///
    /// - Throws: `protocolViolation` when the sum leaves 32 bits; the session ends.
    package mutating func grant(_ delta: UInt32) throws(WireError) {
        let (sum, overflow) = self.credit.addingReportingOverflow(delta)
        guard !overflow else {
            throw WireError(.protocolViolation, "the peer granted a Yamux window above 4 GiB")
        }
        self.credit = sum
    }

    /// Takes up to `wanted` bytes of credit and says how many there were.
    package mutating func spend(upTo wanted: Int) -> Int {
        let granted = min(wanted, Int(self.credit))
        self.credit -= UInt32(granted)
        return granted
    }
}
