import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The options of every connection, dialed or accepted.
enum SocketOptions {
    /// Small frames leave at once; batching is done where it is known what belongs together.
    static let noDelay = ChannelOptions.tcpOption(.tcp_nodelay)

    /// Keeps the kernel's queue short, so that a ping never waits behind megabytes that already left this process.
    static let unsentLowWater = ChannelOptions.socket(
        SocketOptionLevel(IPPROTO_TCP),
        SocketOptionName(TCP_NOTSENT_LOWAT)
    )

    /// Lets other sockets listen at the same port, for datagrams that are meant for all of them.
    static let reusePort = ChannelOptions.socket(SocketOptionLevel(SOL_SOCKET), SocketOptionName(SO_REUSEPORT))

    static let highWater = ChannelOptions.Types.WriteBufferWaterMark(
        low: Limits.socketLowWater,
        high: Limits.socketHighWater
    )

    static let reads = AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 16 * 1024, maximum: Limits.socketRead)
}

extension ClientBootstrap {
    func connectionOptions() -> ClientBootstrap {
        self.channelOption(SocketOptions.noDelay, value: 1)
            .channelOption(SocketOptions.unsentLowWater, value: SocketOptionValue(Limits.kernelBacklog))
            .channelOption(ChannelOptions.writeBufferWaterMark, value: SocketOptions.highWater)
            .channelOption(ChannelOptions.recvAllocator, value: SocketOptions.reads)
    }
}

extension ServerBootstrap {
    func connectionOptions() -> ServerBootstrap {
        self.childChannelOption(SocketOptions.noDelay, value: 1)
            .childChannelOption(SocketOptions.unsentLowWater, value: SocketOptionValue(Limits.kernelBacklog))
            .childChannelOption(ChannelOptions.writeBufferWaterMark, value: SocketOptions.highWater)
            .childChannelOption(ChannelOptions.recvAllocator, value: SocketOptions.reads)
    }
}
