import Foundation
import Subprocess

/// A network for each peer of a test, all joined to this machine's by a bridge: a cable that can be cut.
struct Namespaces: Sendable {
    private let count: Int
    private let name: String
    private let subnet: String

    /// Nil where this user may not make any.
    init?(count: Int) async {
        let number = Int(getpid())
        self.count = count
        self.name = "kw\(number % 100_000)"
        self.subnet = "10.\(64 + number % 64).\(number / 64 % 256)"
        let bridge = "\(self.name)b"
        var lines = ["ip link add \(bridge) type bridge", "ip addr add \(self.subnet).1/24 dev \(bridge)"]
        lines.append("ip link set \(bridge) up")
        for index in 0..<count {
            let (space, outer, inner) = (self.space(index), self.cable(index), "\(self.name)i\(index)")
            lines += [
                "ip netns add \(space)", "ip link add \(outer) type veth peer name \(inner)",
                "ip link set \(inner) netns \(space)", "ip link set \(outer) master \(bridge)",
                "ip link set \(outer) up", "ip netns exec \(space) ip addr add \(self.host(index))/24 dev \(inner)",
                "ip netns exec \(space) ip link set \(inner) up", "ip netns exec \(space) ip link set lo up",
            ]
        }
        guard await Self.shell("set -e; command -v ip; " + lines.joined(separator: "; ")) else {
            await self.remove()
            return nil
        }
    }

    /// Runs a command in the network of a peer; the process that it becomes is the command's.
    func command(_ index: Int) -> [String] { ["ip", "netns", "exec", self.space(index)] }

    func host(_ index: Int) -> String { "\(self.subnet).\(index + 2)" }

    /// Packets vanish from now on; nobody is told.
    func cut(_ index: Int) async { _ = await Self.shell("ip link set \(self.cable(index)) down") }

    func mend(_ index: Int) async { _ = await Self.shell("ip link set \(self.cable(index)) up") }

    func remove() async {
        let spaces = (0..<self.count).map { "ip netns del \(self.space($0)); ip link del \(self.cable($0))" }
        _ = await Self.shell((spaces + ["ip link del \(self.name)b"]).joined(separator: "; "))
    }

    private func space(_ index: Int) -> String { "\(self.name)s\(index)" }
    private func cable(_ index: Int) -> String { "\(self.name)c\(index)" }

    private static func shell(_ line: String) async -> Bool {
        let result = try? await Subprocess.run(
            .name("sh"),
            arguments: ["-c", line],
            output: .discarded,
            error: .discarded
        )
        return result?.terminationStatus.exitCode == 0
    }
}
