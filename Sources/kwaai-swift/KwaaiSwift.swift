import ArgumentParser
import Foundation

@main
struct KwaaiSwift: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kwaai-swift",
        abstract: "Run a language model that is too large for any one of your machines, on all of them together.",
        discussion: """
            On the first machine:    kwaai-swift serve --blocks 0..12
            On the second machine:   kwaai-swift serve --blocks 12..24 --bootstrap ADDRESS-PRINTED-BY-THE-FIRST
            On either:               kwaai-swift generate "Once upon a time"
            On one machine alone:    kwaai-swift generate "Once upon a time" --local

            Exit codes: 0 done, 1 failed, 2 usage, 3 no route through the blocks, 130 interrupted.
            """,
        version: Version.number,
        subcommands: [
            ServeCommand.self, GenerateCommand.self, ChatCommand.self, TokenizeCommand.self, TemplateCommand.self,
            PlanCommand.self, DHTCommand.self, PingCommand.self, BenchCommand.self,
            DoctorCommand.self, IDCommand.self,
        ]
    )

    /// Runs the command that the arguments name and ends the process with one of the codes above.
    static func main() async {
        // A closed pipe is an error of the write that meets it; sessions are then closed as after any other error.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try Self.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            Self.end(with: error)
        }
    }
}
