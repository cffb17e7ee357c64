import Foundation
public import NIOCore
import NIOPosix

/// A server behind a proxy: everybody dials the proxy, whose address is the one that the server announces.
public final class Guarded: Sendable {
    public let proxy: Proxy
    /// The server, and others with the same key and blocks that know nothing of its sessions.
    public let twins: [Server]
    private let ports: [Int]

    public var name: String { self.twins[0].name }
    public var address: String { self.twins[0].address }

    /// Returns once all serve.
    ///
    /// - Parameters:
    ///   - twins: how many processes share the identity.
    ///   - folder: where the key is kept; the file's name is its own.
    public init(_ launch: Server.Launch, twins: Int = 1, folder: String, on group: any EventLoopGroup) async throws {
        let proxy = try await Proxy.start(on: group)
        let key = "\(folder)/\(proxy.port).key"
        var servers: [Server] = []
        var ports: [Int] = []
        for twin in 0..<twins {
            // A process locks its key; each twin has a copy.
            let own = "\(key)-\(twin)"
            if twin > 0 { try FileManager.default.copyItem(atPath: "\(key)-0", toPath: own) }
            var launch = launch
            launch.port = try await Self.freePort(on: group)
            launch.flags += ["--identity", own, "--announce", "/ip4/127.0.0.1/tcp/\(proxy.port)"]
            ports.append(launch.port)
            // Others dial a server while it starts.
            if twin == 0 { proxy.lead(to: launch.port) } else { launch.bootstrap = nil }
            servers.append(try Server(launch))
        }
        (self.proxy, self.twins, self.ports) = (proxy, servers, ports)
    }

    /// Leads to one of the twins from now on.
    public func lead(to twin: Int) { self.proxy.lead(to: self.ports[twin % self.ports.count]) }

    public func stop() { for twin in self.twins { twin.stop() } }

    /// A port that nobody had a moment ago.
    private static func freePort(on group: any EventLoopGroup) async throws -> Int {
        let channel = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port ?? 0
        try await channel.close().get()
        return port
    }
}

/// Runs `body` with a folder and threads for proxies, which go with it.
public func withProxies<Result: Sendable>(
    _ body: (_ folder: String, _ group: any EventLoopGroup) async throws -> Result
) async throws -> Result {
    let folder = NSTemporaryDirectory() + "proxies-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // Keys of servers that are gone are of no interest to anybody.
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder, MultiThreadedEventLoopGroup.singleton)
}
