import ArgumentParser
import Configuration
import Foundation

/// What the user set outside the command line: `KWAAI_*` environment variables, then the configuration file.
///
/// A flag wins over both. The keys are the names of the flags: `--kv-memory` is `KWAAI_KV_MEMORY` and `"kv-memory"`.
struct Settings {
    enum Key: String, CaseIterable {
        case identity, name, listen, announce, bootstrap, allow, model, blocks, context, quantize, threads, temperature
        case seed, memory
        case kvMemory = "kv-memory"
        case dhtPrefix = "dht-prefix"
        case metricsPort = "metrics-port"
        case maxTokens = "max-tokens"
        case topK = "top-k"
        case topP = "top-p"
        case logLevel = "log-level"
        case noMDNS = "no-mdns"

        var variable: String { "KWAAI_" + self.rawValue.uppercased().replacing("-", with: "_") }

        /// As it stands in the file and in the environment, for messages.
        var names: String { "\"\(self.rawValue)\" (\(self.variable) in the environment)" }
    }

    private let reader: ConfigReader

    /// - Throws: ``UsageError`` when the file is not JSON, holds a key that means nothing or a value of the wrong kind,
    ///   or when a `KWAAI_*` variable means nothing.
    static func load(
        file: String = Directories.configurationFile,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> Settings {
        try Self.refuseUnknownVariables(in: environment)
        var providers: [any ConfigProvider] = [
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "kwaai")
        ]
        if FileManager.default.fileExists(atPath: file) {
            try Self.check(file)
            let location = InMemoryProvider(values: ["filePath": ConfigValue(.string(file), isSecret: false)])
            providers.append(try await FileProvider<JSONSnapshot>(config: ConfigReader(provider: location)))
        }
        return Settings(reader: ConfigReader(providers: providers))
    }

    func string(_ key: Key) -> String? { self.reader.string(forKey: ConfigKey([key.rawValue])) }

    /// Whether a flag without a value is set: true or false in the file, and the same words in the environment.
    ///
    /// - Throws: ``UsageError`` for anything else.
    func flag(_ key: Key) throws(UsageError) -> Bool {
        let name = ConfigKey([key.rawValue])
        if let value = self.reader.bool(forKey: name) { return value }
        guard let text = self.reader.string(forKey: name) else { return false }
        throw UsageError("the setting \(key.names) cannot be \"\(text)\": it is true or false")
    }

    /// A list: an array in the file, comma-separated in the environment.
    ///
    /// - Throws: ``UsageError`` when `read` refuses one of its elements.
    func values<Value>(_ key: Key, _ read: (String) throws -> Value) throws(UsageError) -> [Value] {
        let texts = self.reader.stringArray(forKey: ConfigKey([key.rawValue])) ?? []
        do {
            return try texts.map(read)
        } catch {
            throw UsageError("the setting \(key.names): \(error)")
        }
    }

    /// - Throws: ``UsageError`` when `read` refuses the value.
    func value<Value>(_ key: Key, _ read: (String) throws -> Value) throws(UsageError) -> Value? {
        do {
            return try self.string(key).map(read)
        } catch {
            throw UsageError("the setting \(key.names): \(error)")
        }
    }

    /// - Throws: ``UsageError`` when the value is not of the type that the flag takes.
    func value<Value: ExpressibleByArgument>(_ key: Key, as type: Value.Type = Value.self) throws(UsageError) -> Value?
    {
        guard let text = self.text(key) else { return nil }
        guard let value = Value(argument: text) else {
            throw UsageError("the setting \(key.names) cannot be \"\(text)\": see --help for what it takes")
        }
        return value
    }

    /// Numbers in the file are numbers; in the environment they are text.
    private func text(_ key: Key) -> String? {
        let key = ConfigKey([key.rawValue])
        return self.reader.string(forKey: key) ?? self.reader.int(forKey: key).map(String.init)
            ?? self.reader.double(forKey: key).map { "\($0)" }
    }
}
