import NIOCore
import P2PWire
import Synchronization

/// Answers `/libp2p/autonat/2/dial-request`: dials peers back that want to know whether they can be dialled
/// (libp2p specification, autonat v2).
final class DialRequestService: Sendable {
    private unowned let host: Host
    private let policy: DialBackPolicy
    private let meter = Mutex(DialRequestMeter())

    init(host: Host, policy: DialBackPolicy) {
        self.host = host
        self.policy = policy
    }

    func install() {
        self.host.handle(
            .autoNATDialRequest,
            limit: Limits.dialRequestStreams,
            limitPerPeer: Limits.dialRequestStreamsPerPeer
        ) { stream in
            let peer = stream.remotePeer
            guard self.meter.withLock({ $0.begin(peer, now: .now()) }) else {
                return try await stream.write(.dialResponse(.rejected))
            }
            defer { self.meter.withLock { $0.end(peer) } }
            try await withDeadline(Limits.dialRequestTime, "the dial request of \(peer)") { () async throws(P2PError) in
                try await self.answer(stream)
            }
        }
    }

    private func answer(_ stream: PeerStream) async throws(P2PError) {
        var machine = DialRequestServer(
            policy: self.policy,
            observed: stream.remoteAddress.ipAddress,
            dataByteCount: .random(in: P2PWire.Limits.autoNATData)
        )
        while true {
            let message = try await stream.readAutoNATMessage()
            let action: DialRequestServer.Action
            do throws(WireError) { action = try machine.received(message) } catch { throw P2PError(stream: error) }
            switch action {
            case .read(after: nil):
                continue
            case .read(after: let demand?):
                let isWelcome = self.meter.withLock { $0.takeForeignDial(now: .now()) }
                guard isWelcome else { return try await stream.write(.dialResponse(.rejected)) }
                try await stream.write(demand)
            case .dial(let address, let nonce, let isForeign):
                if isForeign { try await Self.waitAMoment() }
                let status = await self.dialBack(stream.remotePeer, at: address, nonce)
                return try await stream.write(machine.dialed(status))
            case .finish(let answer):
                return try await stream.write(answer)
            }
        }
    }

    private static func waitAMoment() async throws(P2PError) {
        do {
            try await pause(for: Limits.foreignDialDelay * Double.random(in: 0...1))
        } catch {
            throw .cancelled
        }
    }

    private func dialBack(
        _ peer: PeerID,
        at address: Multiaddr,
        _ nonce: UInt64
    ) async -> AutoNATMessage.DialStatus {
        let host = self.host
        let limit = Limits.dialBackConnectTime + Limits.dialBackTime
        let status = try? await withDeadline(limit, "dialling \(peer) back") {
            () async throws(P2PError) -> AutoNATMessage.DialStatus in
            try await host.withSeparateConnection(to: peer, at: address) { (connection) async throws(P2PError) in
                await Self.handOver(nonce, on: connection) ? .ok : .dialBackError
            }
        }
        return status ?? .dialError
    }

    /// Whether the peer has confirmed the nonce.
    private static func handOver(_ nonce: UInt64, on connection: Connection) async -> Bool {
        let answer = try? await withDeadline(Limits.dialBackTime, "the dial back") { () async throws(P2PError) in
            // Whoever asks for a dial back serves it: no need to wait for its consent.
            let stream = try await connection.openStream(.autoNATDialBack, lazily: true)
            try await stream.writeFrame(ByteBuffer(bytes: DialBack(nonce: nonce).bytes))
            try await stream.closeWrite()
            let answer = try await stream.readFrame(limit: P2PWire.Limits.autoNATDialBack)
            await stream.close()
            return answer
        }
        return answer != nil
    }
}

extension PeerStream {
    func write(_ message: AutoNATMessage) async throws(P2PError) {
        try await self.writeFrame(ByteBuffer(bytes: message.bytes))
    }

    func readAutoNATMessage() async throws(P2PError) -> AutoNATMessage {
        let frame = try await self.readFrame(limit: P2PWire.Limits.autoNATMessage)
        do throws(WireError) {
            return try AutoNATMessage(bytes: frame.readableBytesView)
        } catch {
            throw P2PError(stream: error)
        }
    }
}
