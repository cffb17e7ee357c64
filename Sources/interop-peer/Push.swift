import NIOCore
import P2PCore
import P2PWire

extension ProtocolID {
    /// Asks a listener of these tests to change what it serves: it serves ``pushed`` from then on, tells its peers so,
    /// and answers with the protocols that it knows of the asker, one a line, once ``pushed`` is among them.
    static let push: ProtocolID = "/interop/push/1.0.0"
    /// Served by nobody before a push is to be seen.
    static let pushed: ProtocolID = "/interop/pushed/1.0.0"
}

extension Host {
    func servePush() {
        self.handle(.push, limit: 16) { stream in
            self.servePushed()
            // A peer that does not take the push resets it, and this stream with it: that is how its dialler hears of it.
            try await self.push(to: PeerInfo(id: stream.remotePeer, addresses: []))
            let known = try await self.identification(of: stream.remotePeer) { $0.protocols.contains(.pushed) }
            try await stream.write(ByteBuffer(string: known.protocols.map { $0.name + "\n" }.joined()))
        }
    }

    /// What the peer has told of itself, once that is what `isEnough` waits for.
    func identification(
        of peer: PeerID,
        _ isEnough: (Identification) -> Bool
    ) async throws -> Identification {
        let events = self.events
        if let known = self.identification(of: peer), isEnough(known) { return known }
        for await event in events {
            if event == .disconnected(peer) { break }
            guard event == .identified(peer), let known = self.identification(of: peer) else { continue }
            if isEnough(known) { return known }
        }
        throw CheckFailure(description: "the peer left without saying of itself what it should")
    }

    /// Begins to serve a protocol that nobody calls.
    func servePushed() {
        self.handle(.pushed, limit: 1) { _ in }
    }

    /// Pushes what this host says of itself; returns once the peer has taken it to the end.
    func push(to peer: PeerInfo) async throws {
        let stream = try await self.openStream(.identifyPush, to: peer)
        try await stream.write(self.identifyMessage(to: stream.remoteAddress).framed())
        try await stream.closeWrite()
        while try await stream.read() != nil {}
    }
}

extension Checks {
    /// Both directions; a peer that cannot be asked to push only has to take ours.
    func push() async throws {
        let known = try await self.identification { _ in true }
        self.host.servePushed()
        try await self.host.push(to: self.peer)
        guard known.protocols.contains(.push) else { return }
        let stream = try await self.host.openStream(.push, to: self.peer)
        var answer = ""
        while let bytes = try await stream.read() { answer += String(buffer: bytes) }
        let heard = answer.split(separator: "\n").map(String.init)
        // p2pd tells nobody what it knows of others, and answers with a dash.
        guard heard == ["-"] || heard.contains(ProtocolID.pushed.name) else {
            throw CheckFailure(description: "after our push the peer knows of us only \(heard)")
        }
        _ = try await self.identification { $0.protocols.contains(.pushed) }
    }
}
