import ArgumentParser
import Coordinator

/// Where the blocks run.
struct RouteOptions: ParsableArguments {
    @Flag(help: "Run every block in this process instead of on peers.")
    var local = false

    @Option(
        help: ArgumentHelp("Use exactly these peers for these blocks.", valueName: "addr@0..12,addr@12..24"),
        transform: { try PinnedChain($0) }
    )
    var chain: PinnedChain?

    @Flag(help: "Keep a second peer ready for every span: a loss then costs next to nothing, at twice the work.")
    var standby = false

    @OptionGroup var way: WayOption

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Threads for blocks that run in this process, 1 to 256. (default: 1)", valueName: "count")
    )
    var threads: ThreadCount?

    func validate() throws {
        if self.local, self.chain != nil {
            throw ValidationError("Give --local or --chain, not both.")
        }
        if self.standby, self.local || self.chain != nil {
            throw ValidationError("--standby finds peers by itself: leave out --local and --chain.")
        }
    }

    func threads(_ settings: Settings) throws -> Int {
        try (self.threads ?? settings.value(.threads))?.count ?? 1
    }
}
