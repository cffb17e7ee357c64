import Foundation
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What a process tells Prometheus with `--metrics-port`.
enum Numbers {
    /// The value of each line, by its name and labels.
    static func read(at port: Int) async throws -> [String: Double] {
        let url = try #require(URL(string: "http://127.0.0.1:\(port)/metrics"))
        let (data, response) = try await URLSession.shared.data(from: url)
        #expect((response as? HTTPURLResponse)?.statusCode == 200)
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }
        return Dictionary(
            uniqueKeysWithValues: try lines.map { line in
                let end = try #require(line.lastIndex(of: " "))
                return (String(line[..<end]), try #require(Double(line[line.index(after: end)...])))
            }
        )
    }

    /// Asks until the numbers are as wanted, or for half a minute: whoever comes later than that does not come.
    static func read(
        at port: Int,
        until isReached: ([String: Double]) -> Bool
    ) async throws -> [String: Double] {
        let end = ContinuousClock.now + .seconds(30)
        var numbers = try await Self.read(at: port)
        while !isReached(numbers), ContinuousClock.now < end { numbers = try await Self.read(at: port) }
        return numbers
    }

    /// The port that `generate` names on stderr.
    static func port(in log: String) -> Int? {
        log.firstMatch(of: /127\.0\.0\.1:([0-9]+)\/metrics/).flatMap { Int($0.1) }
    }
}
