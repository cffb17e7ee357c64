import Foundation

/// Where files of the user live: the XDG base directories, on macOS as well.
enum Directories {
    /// Keys and other things to keep: `$XDG_DATA_HOME/kwaai-swift`.
    static var data: String { self.directory("XDG_DATA_HOME", ".local/share") }
    /// Things that are good to remember: `$XDG_STATE_HOME/kwaai-swift`.
    static var state: String { self.directory("XDG_STATE_HOME", ".local/state") }
    /// Settings: `$XDG_CONFIG_HOME/kwaai-swift`.
    static var configuration: String { self.directory("XDG_CONFIG_HOME", ".config") }

    static var identityFile: String { self.data + "/identity" }
    static var peersFile: String { self.state + "/peers" }
    static var configurationFile: String { self.configuration + "/config.json" }

    private static func directory(_ variable: String, _ fallback: String) -> String {
        let environment = ProcessInfo.processInfo.environment
        let base =
            environment[variable].flatMap { $0.hasPrefix("/") ? $0 : nil }
            ?? FileManager.default.homeDirectoryForCurrentUser.path + "/" + fallback
        return base + "/kwaai-swift"
    }
}
