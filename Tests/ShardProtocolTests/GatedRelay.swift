import NIOCore
import NIOPosix
import Synchronization

/// A TCP relay between a dialler and a listener whose way back has a gate: while it is shut, what the listener says waits.
///
/// So a test can tell what needs an answer and what does not, without measuring time: what arrives while the gate is shut
/// has left without one. Each opening is a round trip.
final class GatedRelay: Sendable {
    let port: Int
    let gate: Gate
    private let listener: any Channel

    init(to port: Int) async throws {
        let gate = Gate()
        self.gate = gate
        self.listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(ChannelOptions.autoRead, value: false)
            .childChannelInitializer { client in
                gate.lead(to: client)
                return ClientBootstrap(group: client.eventLoop)
                    .channelInitializer { server in
                        server.eventLoop.makeCompletedFuture {
                            try server.pipeline.syncOperations.addHandler(Forwarding { gate.pass($0) })
                        }
                    }
                    .connect(host: "127.0.0.1", port: port)
                    .flatMapThrowing { server in
                        let forwarding = Forwarding { server.writeAndFlush($0, promise: nil) }
                        try client.pipeline.syncOperations.addHandler(forwarding)
                    }
                    .flatMap { client.setOption(ChannelOptions.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.port = self.listener.localAddress?.port ?? 0
    }

    func close() async { try? await self.listener.close() }
}

/// The way back of one connection.
final class Gate: Sendable {
    private struct State {
        var isOpen = true
        var held = ByteBuffer()
        var client: (any Channel)?
        var waiter: (count: Int, continuation: CheckedContinuation<Void, Never>)?

        /// Always by way of the event loop's queue: whoever is on the loop would overtake who is not.
        func forward(_ bytes: ByteBuffer) {
            guard let client else { return }
            client.eventLoop.execute { client.writeAndFlush(bytes, promise: nil) }
        }

        mutating func takeFulfilledWaiter() -> CheckedContinuation<Void, Never>? {
            guard let waiter, self.held.readableBytes >= waiter.count else { return nil }
            self.waiter = nil
            return waiter.continuation
        }
    }

    private let state = Mutex(State())

    func lead(to client: any Channel) { self.state.withLock { $0.client = client } }

    func pass(_ bytes: ByteBuffer) {
        let woken = self.state.withLock { state in
            if state.isOpen {
                state.forward(bytes)
            } else {
                state.held.writeImmutableBuffer(bytes)
            }
            return state.takeFulfilledWaiter()
        }
        woken?.resume()
    }

    func shut() { self.state.withLock { $0.isOpen = false } }

    /// Lets through what waits and, unless it is to be shut again at once, what comes.
    func open(once: Bool = false) {
        self.state.withLock { state in
            state.forward(state.held)
            state.held = ByteBuffer()
            state.isOpen = !once
        }
    }

    /// Returns once at least `count` bytes wait.
    func untilHeld(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let woken = self.state.withLock { state in
                state.waiter = (count, continuation)
                return state.takeFulfilledWaiter()
            }
            woken?.resume()
        }
    }
}

private final class Forwarding: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let pass: (ByteBuffer) -> Void

    init(_ pass: @escaping (ByteBuffer) -> Void) {
        self.pass = pass
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.pass(self.unwrapInboundIn(data))
    }
}
