internal import KademliaSimulation
internal import SwarmCore

/// What goes wrong, and when.
extension VirtualSwarm {
    /// Draws the faults of the whole run.
    mutating func drawFaults() {
        guard self.scenario.faultsPerMinute > 0 else { return }
        let mean = 60 / self.scenario.faultsPerMinute
        var time = 20.0
        let end = self.scenario.duration / .seconds(1)
        while true {
            time += mean * -Double.random(in: 0.000_001..<1, using: &self.random).logarithm
            guard time < end else { return }
            if let fault = self.drawFault() { self.queue.schedule(.fault(fault), at: self.start + .seconds(time)) }
        }
    }

    private mutating func drawFault() -> Fault? {
        let failing = self.servers.values.filter { !$0.properties.isSteadfast }.map(\.properties.peer).sorted()
        let everybody = self.servers.keys.sorted()
        guard let server = failing.randomElement(using: &self.random),
            let anybody = everybody.randomElement(using: &self.random)
        else { return nil }
        let short = Duration.seconds(Double.random(in: 0.2..<40, using: &self.random))
        let back = Duration.seconds(Double.random(in: 2..<120, using: &self.random))
        switch Int.random(in: 0..<13, using: &self.random) {
        case 0, 1: return .kill(server: server, back: back)
        case 2: return .powerLoss(server: server, back: back)
        case 3, 4: return .pause(server: server, short)
        case 5: return .stall(server: server, short)
        case 6: return .slowDown(server: server, by: Double.random(in: 2..<60, using: &self.random), back)
        case 7, 8: return .drain(server: server, back: back)
        // Even those that never fail are on a network that does.
        case 9, 10: return .reset(server: anybody)
        case 11:
            let share = Double.random(in: 0.02..<0.5, using: &self.random)
            return .partition(peers: self.drawCutOff(share), short)
        default:
            switch Int.random(in: 0..<3, using: &self.random) {
            case 0: return .loss(Double.random(in: 0.01..<0.3, using: &self.random), short)
            case 1:
                guard let coordinator = self.coordinators.keys.sorted().randomElement(using: &self.random) else {
                    return nil
                }
                return .vanish(coordinator: coordinator, isSilent: Bool.random(using: &self.random))
            default: return .cancel(Int.random(in: 0..<self.scenario.generations, using: &self.random))
            }
        }
    }

    /// Who ends up on the other side: nobody that a generation cannot do without, where that is the rule.
    private mutating func drawCutOff(_ share: Double) -> [Int] {
        (0..<self.scenario.peers).filter { peer in
            let isNeeded = self.servers[peer]?.properties.isSteadfast ?? (self.coordinators[peer] != nil)
            let isCutOff = Double.random(in: 0..<1, using: &self.random) < share
            return isCutOff && !(self.scenario.keepsHolders && isNeeded)
        }
    }

    mutating func suffer(_ fault: Fault) {
        self.report.faults += 1
        self.say("\(fault)")
        switch fault {
        case .kill(let server, let back):
            self.stopServer(server, hasPower: true)
            self.schedule(.restarts(server: server), in: back)
        case .powerLoss(let server, let back):
            self.stopServer(server, hasPower: false)
            self.schedule(.restarts(server: server), in: back)
        case .pause(let server, let duration):
            guard let paused = self.servers[server], paused.isRunning else { return }
            // One that is paused already does not go on earlier: what waits for it would get out of order.
            self.servers[server]?.pausedUntil = max(paused.pausedUntil ?? self.now, self.now + duration)
            self.schedule(.fault(.resume(server: server)), in: duration)
        case .resume(let server):
            if let end = self.servers[server]?.pausedUntil, end <= self.now { self.servers[server]?.pausedUntil = nil }
        case .stall(let server, let duration): self.servers[server]?.stalledUntil = self.now + duration
        case .slowDown(let server, let factor, let duration):
            self.servers[server]?.slowness = factor
            self.schedule(.fault(.speedUp(server: server)), in: duration)
        case .speedUp(let server): self.servers[server]?.slowness = 1
        case .drain(let server, let back):
            self.drain(server, for: nil)
            self.schedule(.restarts(server: server), in: .seconds(35) + back)
        case .reset(let server):
            for link in self.links(where: { $0.server == server }) {
                if Bool.random(using: &self.random) { self.breakOff(link) }
            }
        case .partition(let peers, let duration): self.part(peers, for: duration)
        case .loss(let chance, let duration):
            self.network.loss = chance
            self.schedule(.fault(.lossEnds), in: duration)
        case .lossEnds: self.network.loss = self.scenario.packetLoss
        case .vanish(let coordinator, let isSilent): self.vanish(coordinator, isSilent: isSilent)
        case .cancel(let generation):
            if self.generations[generation] != nil { self.end(generation, .cancelled) }
        }
    }

    private mutating func vanish(_ coordinator: Int, isSilent: Bool) {
        guard self.coordinators[coordinator]?.hasVanished == false else { return }
        self.coordinators[coordinator]?.hasVanished = true
        for id in self.generations.filter({ $0.value.task.coordinator == coordinator }).keys.sorted() {
            self.end(id, .vanished)
        }
        for link in self.links(where: { $0.dialler == coordinator }) {
            let number = self.network[link].number
            if case .dialling = self.network[link].phase { self.network[link].phase = .closed }
            if isSilent {
                // The server finds out by itself.
                self.network[link].lastFrame = nil
                self.schedule(.fellSilent(link, connection: number), in: .seconds(15))
            } else {
                self.breakOff(link)
            }
        }
    }
}

extension Double {
    /// Natural; a platform's own may differ in the last bit, and then a seed would be another world there.
    fileprivate var logarithm: Double {
        // x = m · 2^e; ln m by the series of artanh.
        let z = (self.significand - 1) / (self.significand + 1)
        var (term, sum) = (z, 0.0)
        for index in 0..<30 {
            sum += term / Double(2 * index + 1)
            term *= z * z
        }
        return 2 * sum + Double(self.exponent) * 0.693_147_180_559_945_3
    }
}
