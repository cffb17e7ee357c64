import Foundation

/// What was measured of each pair.
struct Results {
    enum Reading: String, CaseIterable {
        case connect = "connect, ms"
        case openStream = "8 KiB echo, open stream, ms"
        case busyEcho = "the same with 15 µs of work at each end, ms"
        case streamPerCall = "8 KiB echo, a stream per call, ms"
        case oneWay = "one way over one stream, MB/s"
        case loadedPing = "ping while 1 GiB flows, 99th percentile, ms"

        /// The value that stands for all readings.
        func typical(_ values: [Double]) -> Double {
            let sorted = values.sorted()
            guard let last = sorted.indices.last else { return .nan }
            return self == .loadedPing ? sorted[last * 99 / 100] : sorted[last / 2]
        }
    }

    let rounds: Int
    private var values: [Reading: [String: [Double]]] = [:]
    private var names: [String] = []

    init(rounds: Int) { self.rounds = rounds }

    mutating func add(_ reading: Reading, _ value: Double, of name: String) {
        if !self.names.contains(name) { self.names.append(name) }
        self.values[reading, default: [:]][name, default: []].append(value)
    }

    mutating func add(_ reading: Reading, _ value: Duration, of name: String) {
        self.add(reading, value / .milliseconds(1), of: name)
    }

    func typical(_ reading: Reading, of name: String) -> Double? {
        self.values[reading]?[name].map(reading.typical)
    }

    func printAsTable() {
        print("| \(self.rounds) rounds | \(self.names.joined(separator: " | ")) |")
        print("|---|" + String(repeating: "---|", count: self.names.count))
        for reading in Reading.allCases {
            let cells = self.names.map { self.typical(reading, of: $0).map(Self.text) ?? "–" }
            print("| \(reading.rawValue) | \(cells.joined(separator: " | ")) |")
        }
    }

    func printAsJSON() throws {
        var table: [String: [String: Double]] = [:]
        for reading in Reading.allCases {
            for name in self.names { table[reading.rawValue, default: [:]][name] = self.typical(reading, of: name) }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        print(String(decoding: try encoder.encode(table), as: UTF8.self))
    }

    private static func text(_ value: Double) -> String {
        String(format: value < 10 ? "%.3f" : "%.0f", value)
    }
}
