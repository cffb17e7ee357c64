import NIOCore
import NIOPosix
import P2PWire

/// Accepts connections and never says a word.
struct SilentListener {
    private let channel: any Channel
    let address: Multiaddr

    static func bind() async throws -> SilentListener {
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0).get()
        return SilentListener(
            channel: channel,
            address: try Multiaddr("/ip4/127.0.0.1/tcp/\(channel.localAddress?.port ?? 0)")
        )
    }

    func close() async {
        try? await self.channel.close()
    }
}
