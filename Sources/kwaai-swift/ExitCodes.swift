import ArgumentParser
import BlockServer
import Coordinator
import Foundation

extension ExitCode {
    /// The arguments are not understood.
    static let usage = ExitCode(2)
    /// No chain of peers covers every block.
    static let noRoute = ExitCode(3)
    /// Ctrl-C, as shells count it: 128 + SIGINT.
    static let interrupted = ExitCode(130)
    /// Nobody reads the output any more, as shells count it: 128 + SIGPIPE.
    static let closedPipe = ExitCode(141)
}

/// The user pressed Ctrl-C; the sessions have been closed.
struct Interrupted: Error {}

extension KwaaiSwift {
    /// Prints what went wrong on stderr, what was asked for (`--help`) on stdout, and ends the process.
    static func end(with error: any Error) -> Never {
        switch error {
        case is Interrupted:
            Foundation.exit(ExitCode.interrupted.rawValue)
        case let code as ExitCode:
            // What there is to say has been said.
            Foundation.exit(code.rawValue)
        case let error as OutputError where error.isClosedPipe:
            Foundation.exit(ExitCode.closedPipe.rawValue)
        case is UsageError:
            Terminal.complain("\(error)")
            Foundation.exit(ExitCode.usage.rawValue)
        case let error as BlockServerError:
            Terminal.complain("\(error)")
            let isUsage = error.code == .wrongRange || error.code == .tooLittleMemory
            Foundation.exit(isUsage ? ExitCode.usage.rawValue : ExitCode.failure.rawValue)
        case let error as CoordinatorError:
            Terminal.complain("\(error)")
            if case .noRoute = error.code { Foundation.exit(ExitCode.noRoute.rawValue) }
            if case .invalidOption = error.code { Foundation.exit(ExitCode.usage.rawValue) }
            Foundation.exit(ExitCode.failure.rawValue)
        default:
            let code = Self.exitCode(for: error)
            if code == .success { Self.exit(withError: error) }
            Terminal.complain(Self.fullMessage(for: error), prefixed: false)
            Foundation.exit(code == .validationFailure ? ExitCode.usage.rawValue : ExitCode.failure.rawValue)
        }
    }
}
