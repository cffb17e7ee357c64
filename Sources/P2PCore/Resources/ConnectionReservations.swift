import NIOCore
import P2PWire

/// What happens on a connection and needs room in its host's books.
extension Connection {
    /// Who began it.
    var direction: Direction { self.role == .dialer ? .outbound : .inbound }

    /// Room to serve one stream that the peer has opened.
    ///
    /// - Throws: `limitReached`, naming the limit.
    func permit(for service: ProtocolID) throws(P2PError) -> Reservation {
        try Reservation(self.reservation.book) { ledger throws(ResourceRefusal) in
            try ledger.serve(service, to: self.peer, connection: self.number, at: .now())
        }
    }

    /// Room for one stream that this host opens.
    ///
    /// - Throws: `limitReached`, naming the limit.
    func openingPermit() throws(P2PError) -> Reservation {
        try Reservation(self.reservation.book) { ledger throws(ResourceRefusal) in
            try ledger.open(to: self.peer, connection: self.number)
        }
    }

    /// Makes `reservation`, which starts as nil, hold a message of that many bytes and its copies. Small ones have room
    /// in their stream's window.
    ///
    /// - Throws: `limitReached`, naming the limit.
    func reserveMessage(ofBytes byteCount: Int, in reservation: inout Reservation?) throws(P2PError) {
        guard byteCount > Limits.framePrefetch else { return }
        let needed = byteCount * Limits.messageCopies
        if let reservation {
            try reservation.update { ledger, claim throws(ResourceRefusal) in
                if needed > claim.amount.memory { try ledger.resize(&claim, toBytes: needed) }
            }
        } else {
            reservation = try Reservation(self.reservation.book) { ledger throws(ResourceRefusal) in
                try ledger.readMessage(
                    ofBytes: needed,
                    from: self.peer,
                    connection: self.number,
                    self.direction
                )
            }
        }
    }
}
