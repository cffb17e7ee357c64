import P2PWire

/// One thing that another libp2p must be able to do with us.
enum Check: String, CaseIterable {
    case connect
    case identify
    case push
    case ping
    case echo
    case echoLarge = "echo-large"
    case streams
    case halfClose = "half-close"
    case reset
    case sink
    case perf
    case unsupported
    case findNode = "find-node"
    case put
    case get
    case provide
    case findProvider = "find-provider"
    case inference
    case cancel
    case unaryName = "unary-name"
    case unaryLarge = "unary-large"
    case unaryError = "unary-error"
    case unaryNobody = "unary-nobody"
    case window
    case earlyMuxer = "early-muxer"

    /// What runs where nobody names checks: all that need no key, and leave nothing behind.
    static let usual = Self.allCases.filter { ![.put, .get, .provide, .findProvider].contains($0) }

    var abstract: String {
        switch self {
        case .connect: "a connection over Noise and Yamux, accepted by both sides"
        case .identify: "Identify: key, protocols, agent, our address as the peer sees it"
        case .push: "Identify push: the peer takes ours, and ours hears its own where it can be asked for one"
        case .ping: "three pings"
        case .echo: "/echo/1.0.0: 1 MiB there and back at once, its SHA-256 compared"
        case .echoLarge: "the same with 64 MiB"
        case .streams: "200 echoes at once on one connection"
        case .halfClose: "our direction of an echo ends before the answer begins"
        case .reset: "streams reset in full flow harm neither the connection nor the stream after them"
        case .sink: "/sink/1.0.0: 16 MiB, answered with their count and SHA-256"
        case .perf: "/perf/1.0.0: 4 MiB up, 16 MiB down"
        case .unsupported: "a refused protocol costs its stream and nothing else"
        case .findNode: "Kademlia: the peer answers FIND_NODE and names itself when asked for itself"
        case .put: "Kademlia: the peer stores our public key under /pk/"
        case .get: "Kademlia: the peer hands our public key out again"
        case .provide: "Kademlia: the peer takes a provider record for each --key"
        case .findProvider: "Kademlia: the peer names each --expect as provider of the --key at the same place"
        case .inference: "/kwaai/inference/1.0.0: a unary call, answered with the published bytes"
        case .cancel: "a unary call whose caller gives up cancels the callee's work"
        case .unaryName: "a unary call whose name begins with no slash"
        case .unaryLarge: "a unary call of the largest size we send, answered alike"
        case .unaryError: "a unary call whose handler fails, and says why"
        case .unaryNobody: "a unary call whose caller names no callee"
        case .window: "64 MiB from /interop/source/1.0.0: our window grows for them"
        case .earlyMuxer: "the peer names Yamux inside the Noise handshake"
        }
    }

    /// All of them, for the help.
    static var listing: String {
        let width = Self.allCases.map(\.rawValue.count).max() ?? 0
        let lines = Self.allCases.map { (check: Check) -> String in
            let padding = String(repeating: " ", count: width - check.rawValue.count)
            return "  \(check.rawValue)\(padding)  \(check.abstract)"
        }
        return lines.joined(separator: "\n")
    }
}

/// What the other side did instead of what it should.
struct CheckFailure: Error, CustomStringConvertible {
    let description: String
}
