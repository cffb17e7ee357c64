/// Two processes without any protocol between them: what the machine itself allows. A stream is a connection.
struct BareTCP: Pair {
    let name = "bare TCP"
    let echo: Place
    let busyEcho: Place
    let sink: Place

    func connect() async throws -> Duration {
        try await elapsed { try BlockingSocket(connectingTo: self.echo).hangUp() }
    }

    func openEcho() async throws -> BlockingEcho {
        BlockingEcho(socket: try BlockingSocket(connectingTo: self.echo))
    }

    func openBusyEcho() throws -> BlockingEcho {
        BlockingEcho(socket: try BlockingSocket(connectingTo: self.busyEcho), isBusy: true)
    }

    func send(byteCount: Int) async throws -> Duration {
        try await BlockingSocket(connectingTo: self.sink).elapsed { socket in
            try BlockingServices.fill(socket, byteCount: byteCount)
        }
    }
}
