import BlockServer
import Coordinator
import DemoModel
import Kademlia
import P2PCore
import P2PWire
import ShardProtocol

let (model, tokenizer) = (try DemoModel.directory(), try DemoModel.tokenizer())
let prompt = "Once upon a time"

// A peer that serves all 24 blocks of the demo model to whoever asks. Several peers may share them out: 0..12, 12..24.
let loopback = try Multiaddr("/ip4/127.0.0.1/tcp/0")
let blocks = BlockServer.Configuration(range: try BlockRange("0..24"))

try await withHost(Host.Configuration(listenAddresses: [loopback])) { peer in
    try await withDHT(host: peer) { dht in
        try await withBlockServer(host: peer, dht: dht, model: model, configuration: blocks) { _ in
            try await tellStory(bootstrap: peer.dialAddresses)
        }
    }
}

// A coordinator on a host of its own. It holds no weights and knows one address; the DHT leads it to the blocks.
func tellStory(bootstrap: [Multiaddr]) async throws {
    try await withHost(Host.Configuration()) { host in
        try await withDHT(host: host, configuration: .init(mode: .client, bootstrap: bootstrap)) { dht in
            let coordinator = try Coordinator(model: model, tokenizer: tokenizer)
            let story = try await coordinator.generate(prompt, over: .discovered(dht), host: host)
            print(prompt + story.text)
        }
    }
}
