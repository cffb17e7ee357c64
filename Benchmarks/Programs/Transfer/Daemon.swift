import Foundation

/// A running p2pd and its control protocol: protobuf behind a varint length, one connection for each stream
/// (go-libp2p-daemon, specs/CONTROL.md).
final class Daemon: Sendable {
    private let process: Child
    private let folder: String

    private var control: Place { .unix(path: "\(self.folder)/control") }

    init(_ program: String) throws {
        let folder = NSTemporaryDirectory() + "p2pd-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        self.folder = folder
        self.process = try Child(
            program,
            ["-listen", "/unix\(folder)/control", "-hostAddrs", "/ip4/127.0.0.1/tcp/0", "-tls=false", "-q"]
                + ["-bootstrapPeers", "", "-relayService=0"],
            quiet: true
        )
        while (try? BlockingSocket(connectingTo: .unix(path: "\(folder)/control"))) == nil {
            guard self.process.isRunning else { throw Failure("\(program) did not start") }
            usleep(10_000)
        }
    }

    func stop() {
        self.process.stop()
        // What is left of a folder of two sockets is of no interest to anybody.
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    func identity() throws -> (id: [UInt8], addresses: [[UInt8]]) {
        let answer = try self.request(field(1, 0)).fields
        let identity = try Message(answer[4]?.first ?? [])
        return (identity.fields[1]?.first ?? [], identity.fields[2] ?? [])
    }

    func connect(_ peer: [UInt8], _ addresses: [[UInt8]]) throws {
        _ = try self.request(field(1, 1) + field(2, field(1, peer) + addresses.flatMap { field(2, $0) }))
    }

    func disconnect(_ peer: [UInt8]) throws {
        _ = try self.request(field(1, 7) + field(7, field(1, peer)))
    }

    /// A stream to a connected peer.
    func open(_ peer: [UInt8], _ name: String) throws -> BlockingSocket {
        let socket = try BlockingSocket(connectingTo: self.control)
        _ = try self.request(field(1, 2) + field(3, field(1, peer) + field(2, Array(name.utf8))), on: socket)
        return socket
    }

    /// Serves the streams of a protocol that others open.
    func handle(_ name: String, _ serve: @escaping @Sendable (BlockingSocket) throws -> Void) throws {
        let path = "\(self.folder)/handler\(name.replacing("/", with: "-"))"
        try BlockingSocket.listen(at: .unix(path: path)) { stream in
            // Who opened the stream comes first.
            _ = try stream.readMessage()
            try serve(stream)
        }
        let bytes = Array(path.utf8)
        // The multiaddr /unix/…, whose code is 400.
        let address = varint(400) + varint(bytes.count) + bytes
        // hivemind's daemon wants to be told whether several programs share the protocol.
        let handler = field(1, address) + field(2, Array(name.utf8)) + field(3, 0)
        _ = try self.request(field(1, 3) + field(4, handler))
    }

    private func request(_ body: [UInt8]) throws -> Message {
        try self.request(body, on: BlockingSocket(connectingTo: self.control))
    }

    private func request(_ body: [UInt8], on socket: BlockingSocket) throws -> Message {
        try socket.transmit(varint(body.count) + body)
        let answer = try socket.readMessage()
        guard (answer.numbers[1] ?? 0) == 0 else {
            throw Failure("p2pd: \(String(decoding: answer.fields[2]?.first ?? [], as: UTF8.self))")
        }
        return answer
    }
}

/// As much of protobuf as the control protocol needs.
struct Message {
    var numbers: [Int: Int] = [:]
    var fields: [Int: [[UInt8]]] = [:]

    init(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        func number() throws -> Int {
            var value = 0
            for shift in stride(from: 0, to: 63, by: 7) {
                guard let byte = rest.popFirst() else { break }
                value |= Int(byte & 0x7f) << shift
                if byte < 0x80 { return value }
            }
            throw Failure("p2pd answered with bad protobuf")
        }
        while !rest.isEmpty {
            let tag = try number()
            let value = try number()
            if tag & 7 == 0 {
                self.numbers[tag >> 3] = value
            } else {
                self.fields[tag >> 3, default: []].append(Array(rest.prefix(value)))
                rest = rest.dropFirst(value)
            }
        }
    }
}

extension BlockingSocket {
    func readMessage() throws -> Message {
        var length = 0
        for shift in stride(from: 0, to: 63, by: 7) {
            let byte = Int(try self.receive(exactly: 1)[0])
            length |= (byte & 0x7f) << shift
            if byte < 0x80 { break }
        }
        return try Message(try self.receive(exactly: length))
    }
}

private func varint(_ number: Int) -> [UInt8] {
    number < 0x80 ? [UInt8(number)] : [UInt8(number & 0x7f | 0x80)] + varint(number >> 7)
}

private func field(_ number: Int, _ value: Int) -> [UInt8] { varint(number << 3) + varint(value) }

private func field(_ number: Int, _ value: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(value.count) + value
}
