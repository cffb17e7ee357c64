import Foundation
import Subprocess
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// Two machines on one network, as two network namespaces that a cable of the kernel's joins.
@Suite(.serialized, .timeLimit(.minutes(2))) struct LocalNetworkTests {
    /// Makes the namespaces, serves in one and generates in the other, with no flag that names anybody.
    private static let script = """
        ip netns add "$1" && ip netns add "$2" || exit 77
        trap 'kill $peer 2>/dev/null; wait; ip netns del "$1"; ip netns del "$2"' EXIT
        ip link add "$3" netns "$1" type veth peer name "$3" netns "$2" || exit 77
        for side in 1 2; do
            name="$1"; [ $side = 1 ] || name="$2"
            ip -n "$name" addr add 10.77.0.$side/24 dev "$3" && ip -n "$name" link set "$3" up || exit 77
            ip -n "$name" link set lo up
        done
        export KWAAI_NO_MDNS=false
        mkfifo "$HOME/lines"
        XDG_STATE_HOME="$HOME/other" ip netns exec "$1" "$0" serve --blocks 0..24 --json --identity "$HOME/key" \\
            >"$HOME/lines" 2>&1 &
        peer=$!
        exec 3<"$HOME/lines"
        log="" online=""
        while [ -z "$online" ] && IFS= read -r line <&3; do
            log+="$line"$'\\n'
            [[ "$line" != *'"event":"online"'* ]] || online=1
        done
        [ -n "$online" ] || { echo "the peer has ended: $log" >&2; exit 1; }
        # A peer whose lines nobody took would wait for that.
        cat <&3 >/dev/null &
        ip netns exec "$2" "$0" generate "Once upon a time" --max-tokens 5 --json $4 3<&-
        """

    private func generate(_ flags: String) async throws -> Program.Outcome {
        let home = try Home()
        let name = "kw" + UUID().uuidString.prefix(8).lowercased()
        let result = try await Subprocess.run(
            .path("/bin/bash"),
            arguments: ["-c", Self.script, Program.path.string, name + "a", name + "b", String(name), flags],
            environment: home.environment,
            output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20)
        )
        return Program.Outcome(
            exitCode: result.terminationStatus.exitCode,
            output: result.standardOutput,
            error: result.standardError
        )
    }

    @Test func `a peer is found by mDNS alone, and not at all where that is off`() async throws {
        let found = try await self.generate("")
        guard found.exitCode != 77 else {
            print("skipped: no network namespaces may be made here")
            return
        }
        struct Report: Decodable { var token_ids: [UInt32] }
        #expect(found.exitCode == 0, "\(found.error)")
        #expect(try found.json(as: Report.self).token_ids.count == 5)
        let unfound = try await self.generate("--no-mdns")
        #expect(unfound.exitCode == 1)
        #expect(unfound.error.contains("no peer of the network answers"))
    }
}
