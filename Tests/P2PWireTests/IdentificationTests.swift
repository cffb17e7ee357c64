import Testing

@testable import P2PWire

@Suite struct IdentificationTests {
    private let identity = Identity()
    private var peer: PeerID { self.identity.peerID }

    private func record(_ sequence: UInt64, _ address: String, by signer: Identity? = nil) throws -> [UInt8] {
        PeerRecord(peerID: (signer ?? self.identity).peerID, sequence: sequence, addresses: [try Multiaddr(address)])
            .seal(by: signer ?? self.identity).bytes
    }

    @Test func `takes the peer's word without its own id at the end`() throws {
        let place = try Multiaddr("/ip4/1.2.3.4/tcp/1")
        let foreign = place.appending(peer: Identity().peerID)
        let message = IdentifyMessage(
            publicKey: self.identity.publicKey.protobuf,
            listenAddresses: [place.appending(peer: self.peer), place, foreign],
            protocols: ["/a/1"],
            agentVersion: "x"
        )
        let identification = try Identification(message, from: self.peer)
        #expect(identification.listenAddresses == [place])
        #expect(identification.protocols == ["/a/1"] && identification.agentVersion == "x")
    }

    @Test func `refuses the key of another peer`() {
        let message = IdentifyMessage(publicKey: Identity().publicKey.protobuf)
        #expect { try Identification(message, from: self.peer) } throws: { ($0 as? WireError)?.code == .badSignature }
    }

    @Test func `prefers signed addresses`() throws {
        let message = IdentifyMessage(
            listenAddresses: [try Multiaddr("/ip4/6.6.6.6/tcp/6")],
            signedPeerRecord: try self.record(1, "/ip4/1.2.3.4/tcp/1")
        )
        let identification = try Identification(message, from: self.peer)
        #expect(identification.listenAddresses.map(\.description) == ["/ip4/1.2.3.4/tcp/1"])
    }

    @Test func `ignores a record that is broken or another's, and keeps the peer`() throws {
        for record in [[1, 2, 3], try self.record(1, "/ip4/1.2.3.4/tcp/1", by: Identity())] {
            let message = IdentifyMessage(
                listenAddresses: [try Multiaddr("/ip4/5.5.5.5/tcp/5")],
                signedPeerRecord: record
            )
            let identification = try Identification(message, from: self.peer)
            #expect(identification.listenAddresses.map(\.description) == ["/ip4/5.5.5.5/tcp/5"])
        }
    }

    @Test func `a push replaces lists and leaves alone what it does not mention`() throws {
        var identification = try Identification(
            IdentifyMessage(protocols: ["/a/1", "/b/1"], agentVersion: "x"),
            from: self.peer
        )
        try identification.update(with: IdentifyMessage(protocols: ["/c/1"]), from: self.peer)
        #expect(identification.protocols == ["/c/1"] && identification.agentVersion == "x")
    }

    @Test func `an older record and unsigned addresses do not replace a newer record`() throws {
        var identification = try Identification(
            IdentifyMessage(signedPeerRecord: try self.record(5, "/ip4/5.5.5.5/tcp/5")),
            from: self.peer
        )
        try identification.update(
            with: IdentifyMessage(signedPeerRecord: try self.record(4, "/ip4/4.4.4.4/tcp/4")),
            from: self.peer
        )
        try identification.update(
            with: IdentifyMessage(listenAddresses: [try Multiaddr("/ip4/3.3.3.3/tcp/3")]),
            from: self.peer
        )
        #expect(identification.listenAddresses.map(\.description) == ["/ip4/5.5.5.5/tcp/5"])
        try identification.update(
            with: IdentifyMessage(signedPeerRecord: try self.record(6, "/ip4/6.6.6.6/tcp/6")),
            from: self.peer
        )
        #expect(identification.listenAddresses.map(\.description) == ["/ip4/6.6.6.6/tcp/6"])
    }

    @Test func `an answer that a push has overtaken changes nothing`() throws {
        var identification = try Identification(
            IdentifyMessage(
                protocols: ["/new/1"],
                agentVersion: "new",
                signedPeerRecord: try self.record(2, "/ip4/2.2.2.2/tcp/2")
            ),
            from: self.peer
        )
        let before = identification
        let late = IdentifyMessage(
            protocols: ["/old/1"],
            agentVersion: "old",
            signedPeerRecord: try self.record(1, "/ip4/1.1.1.1/tcp/1")
        )
        try identification.update(with: late, from: self.peer)
        #expect(identification == before)
    }
}
