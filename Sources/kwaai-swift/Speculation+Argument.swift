public import ArgumentParser
public import Coordinator

extension Speculation: ExpressibleByArgument {
    public init?(argument: String) {
        switch argument {
        case "off": self = .off
        case "auto": self = .auto
        default:
            guard let count = Int(argument), (1...8).contains(count) else { return nil }
            self = .tokens(count)
        }
    }

    public static var allValueStrings: [String] { ["off", "auto", "1", "2", "4", "8"] }

    public var defaultValueDescription: String { "auto" }
}

/// Whether tokens are guessed.
struct SpeculationFlag: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Guess up to so many tokens from what the text said before, and have them judged in one pass: off, auto (where"
                + " the way to the peers takes long enough for it to pay) or 1 to 8. The text does not depend on it.",
            valueName: "off|auto|count"
        )
    )
    var speculate = Speculation.auto
}
