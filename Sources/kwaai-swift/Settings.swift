import ArgumentParser
import Configuration
import Foundation

/// What the user set outside the command line: `KWAAI_*` environment variables, then the configuration file.
///
/// A flag wins over both. The keys are the names of the flags: `--kv-memory` is `KWAAI_KV_MEMORY` and `"kv-memory"`.
struct Settings {
    enum Key: String, CaseIterable {
        case identity, listen, bootstrap, allow, model, blocks, threads, temperature, seed
        case kvMemory = "kv-memory"
        case dhtPrefix = "dht-prefix"
        case maxTokens = "max-tokens"
        case topK = "top-k"
        case topP = "top-p"
        case logLevel = "log-level"
    }

    private let reader: ConfigReader

    /// - Throws: when the file is not JSON, or holds a key that means nothing.
    static func load(
        file: String = Directories.configurationFile,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> Settings {
        var providers: [any ConfigProvider] = [
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "kwaai")
        ]
        if FileManager.default.fileExists(atPath: file) {
            try Self.refuseUnknownKeys(in: file)
            let location = InMemoryProvider(values: ["filePath": ConfigValue(.string(file), isSecret: false)])
            providers.append(try await FileProvider<JSONSnapshot>(config: ConfigReader(provider: location)))
        }
        return Settings(reader: ConfigReader(providers: providers))
    }

    func string(_ key: Key) -> String? { self.reader.string(forKey: ConfigKey([key.rawValue])) }

    /// A list: an array in the file, comma-separated in the environment.
    func strings(_ key: Key) -> [String] { self.reader.stringArray(forKey: ConfigKey([key.rawValue])) ?? [] }

    /// - Throws: when the value is not of the type that the flag takes.
    func value<Value: ExpressibleByArgument>(_ key: Key, as type: Value.Type = Value.self) throws -> Value? {
        guard let text = self.text(key) else { return nil }
        guard let value = Value(argument: text) else {
            throw ValidationError(
                "The setting \"\(key.rawValue)\" cannot be \"\(text)\": see --help for what it takes."
            )
        }
        return value
    }

    /// Numbers in the file are numbers; in the environment they are text.
    private func text(_ key: Key) -> String? {
        let key = ConfigKey([key.rawValue])
        return self.reader.string(forKey: key) ?? self.reader.int(forKey: key).map(String.init)
            ?? self.reader.double(forKey: key).map { "\($0)" }
    }

    private static func refuseUnknownKeys(in file: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: file))
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw ValidationError("\(file) is not a JSON object: mend it, or move it away.")
        }
        let known = Set(Key.allCases.map(\.rawValue))
        if let stranger = object.keys.sorted().first(where: { !known.contains($0) }) {
            throw ValidationError(
                "\(file) has the key \"\(stranger)\", which means nothing. Known keys: \(known.sorted().joined(separator: ", "))."
            )
        }
    }
}
