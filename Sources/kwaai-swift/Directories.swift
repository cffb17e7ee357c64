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

    /// `$HOME`, which a person may set to something else than what the user database says.
    private static var home: String {
        self.absolutePath("HOME") ?? FileManager.default.homeDirectoryForCurrentUser.path
    }

    /// The specification has relative paths ignored.
    private static func absolutePath(_ variable: String) -> String? {
        ProcessInfo.processInfo.environment[variable].flatMap { $0.hasPrefix("/") ? $0 : nil }
    }

    private static func directory(_ variable: String, _ fallback: String) -> String {
        let base = self.absolutePath(variable) ?? self.home + "/" + fallback
        return base + "/kwaai-swift"
    }
}
