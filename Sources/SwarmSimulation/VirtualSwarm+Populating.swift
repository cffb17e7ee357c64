internal import KademliaSimulation
internal import P2PWire
internal import ShardProtocol
internal import SwarmCore

/// Who is there, and what they are going to do.
extension VirtualSwarm {
    /// Servers come first, then those who generate, then nodes that only take part in the DHT, behind those of them who lie.
    mutating func populate() {
        let first = self.dht.firstHonest
        let last = min(first + self.scenario.servers, self.scenario.peers - self.scenario.coordinators)
        let places = self.drawPlaces(last - first)
        for (number, place) in zip(first..<last, places) {
            let server = self.drawServer(number, place)
            self.servers[number] = server
            self.dht.restart(number, isGone: true)
            // Those that never fail are there from the beginning.
            let delay = server.properties.isSteadfast ? 0 : Double.random(in: 0..<15, using: &self.random)
            self.schedule(.restarts(server: number), in: .seconds(delay))
            // What they announce while hardly anybody is there may get to liars alone, and nobody could find them.
            guard server.properties.isSteadfast else { continue }
            self.schedule(.announces(server: number, incarnation: 1), in: .seconds(18))
        }
        for number in last..<last + self.scenario.coordinators {
            let error = self.drawClockError()
            self.coordinators[number] = SimulatedCoordinator(id: self.dht.id(of: number), clockError: error)
        }
        for peer in 0..<self.scenario.peers {
            let delay = Double.random(in: 0..<600, using: &self.random)
            self.schedule(.refreshes(peer: peer), in: .seconds(delay))
        }
        self.drawTasks()
        self.drawFaults()
    }

    /// Spans for so many servers: the first cover every block, the others are anywhere.
    private mutating func drawPlaces(_ count: Int) -> [BlockRange] {
        let blockCount = self.scenario.blockCount
        var places: [BlockRange] = []
        var next = 0
        while places.count < count {
            let length = Int.random(in: 1...max(1, blockCount / 2), using: &self.random)
            let begin = next < blockCount ? next : Int.random(in: 0...blockCount - length, using: &self.random)
            guard let place = try? BlockRange(begin, min(begin + length, blockCount)) else { break }
            places.append(place)
            next = max(next, place.upperBound)
        }
        return places
    }

    private mutating func drawServer(_ number: Int, _ place: BlockRange) -> SimulatedServer {
        let isFirst = number - self.dht.firstHonest < self.scenario.blockCount
        let covers = self.servers.values.filter(\.properties.isSteadfast).map(\.blocks.upperBound).max() ?? 0
        let isSteadfast = self.scenario.keepsHolders && isFirst && covers < self.scenario.blockCount
        let lies = !isSteadfast && Double.random(in: 0..<1, using: &self.random) < self.scenario.liars
        let lie = lies ? Lie.all.randomElement(using: &self.random) : nil
        let sessions = isSteadfast ? 400 : Int.random(in: 2...40, using: &self.random)
        let isPlain = Int.random(in: 0..<20, using: &self.random) == 0
        let chooses = Int.random(in: 0..<5, using: &self.random) == 0
        let speaksStreams = Int.random(in: 0..<5, using: &self.random) > 0
        let pushes = speaksStreams && Double.random(in: 0..<1, using: &self.random) < self.scenario.pushers
        let properties = SimulatedServer.Properties(
            peer: number,
            id: self.dht.id(of: number),
            model: ToyModel(blockCount: self.scenario.blockCount, weights: lie == .weights ? 5 : 0),
            blockTime: .microseconds(Int.random(in: 100...5000, using: &self.random)),
            // Of sessions of a hundred tokens.
            kvBytes: sessions * place.count * SimulatedServer.bytes(of: 100),
            // Who is not told which blocks are meant may not change its own.
            choice: chooses && !isSteadfast && !isPlain ? place.count : nil,
            // A liar that is not told which blocks are meant computes others, which cannot be told from right numbers.
            speaksExtension: isSteadfast || !isPlain || lie != nil,
            speaksStreams: speaksStreams || lie.map(Lie.ofPushes.contains) ?? false,
            speaksPush: pushes || lie.map(Lie.ofPushes.contains) ?? false,
            lie: lie,
            contention: [1, 1, 1.5, 3].randomElement(using: &self.random) ?? 1,
            clockError: isSteadfast ? 0 : self.drawClockError(),
            isSteadfast: isSteadfast
        )
        return SimulatedServer(properties, blocks: place)
    }

    /// Most clocks are nearly right; some are wrong by more than is tolerated.
    private mutating func drawClockError() -> Int {
        let isWrong = Int.random(in: 0..<20, using: &self.random) == 0
        return isWrong && !self.scenario.keepsHolders
            ? Int.random(in: -4000...4000, using: &self.random) : Int.random(in: -120...120, using: &self.random)
    }

    private mutating func drawTasks() {
        let coordinators = self.coordinators.keys.sorted()
        for id in 0..<self.scenario.generations {
            guard let coordinator = coordinators.randomElement(using: &self.random) else { return }
            let length = [Int.random(in: 1...12, using: &self.random), Int.random(in: 13...300, using: &self.random)]
            let count = length.randomElement(using: &self.random) ?? 1
            let prompt = (0..<count).map { _ in UInt64.random(in: 0..<ToyModel.vocabulary, using: &self.random) }
            let wanted = Int.random(in: 1...60, using: &self.random)
            let task = SimulatedGeneration.Task(
                coordinator: coordinator,
                prompt: prompt,
                reference: self.model.continuation(of: prompt, count: wanted),
                chunk: [4, 16, 64].randomElement(using: &self.random) ?? 16,
                keepsStandbys: Int.random(in: 0..<4, using: &self.random) == 0,
                way: SimulatedGeneration.StepWay.allCases.randomElement(using: &self.random) ?? .auto,
                guesses: [0, 0, 4].randomElement(using: &self.random) ?? 0,
                curtailedAt: Int.random(in: 0..<8, using: &self.random) == 0 ? count / 2 : nil
            )
            self.unfinished += 1
            let begin = Double.random(in: 20..<self.scenario.duration / .seconds(1), using: &self.random)
            self.schedule(.begins(id, task), in: .seconds(begin))
        }
    }
}
