import ArgumentParser

@main
struct KwaaiSwift: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kwaai-swift",
        abstract: "Run a language model that is too large for any one of your machines, on all of them together."
    )
}
