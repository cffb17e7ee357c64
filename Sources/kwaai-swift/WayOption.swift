public import ArgumentParser
public import Coordinator

/// How steps go from hop to hop.
struct WayOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How steps go: star, over this process; push, from hop to hop; auto, as push where that is no slower.",
            valueName: "auto|star|push"
        )
    )
    var route: StepWay = .auto
}

extension StepWay: ExpressibleByArgument {}
