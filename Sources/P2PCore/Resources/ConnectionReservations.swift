import NIOCore
import P2PWire

/// What a connection takes of its host's resources.
extension Connection {
    /// Room to serve one stream that the peer has opened.
    ///
    /// - Throws: `limitReached`, naming the limit.
    func permit(for service: ProtocolID) throws(P2PError) -> Reservation {
        try Reservation(self.reservation.book) { ledger throws(ResourceRefusal) in
            try ledger.serve(service, to: self.peer, connection: self.number, at: .now())
        }
    }
}
