import Foundation
import Testing

/// THREAT_MODEL.md names constants and tests; what it names must exist.
@Suite struct ThreatModelTests {
    private static let root = URL(filePath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A row is | what a peer tries | the bound | `Constant` = number | `Suite` "test", "test" |.
    private struct Row: CustomTestStringConvertible, Sendable {
        var cells: [String]
        var testDescription: String { self.cells[0] }

        /// What stands between backticks in the third cell.
        var constants: [String] { Self.quoted(self.cells[2], "`") }

        /// The tests of the fourth cell, each with its suite.
        var tests: [(suite: String, name: String)] {
            self.cells[3].split(separator: ";").flatMap { part in
                let suite = Self.quoted(String(part), "`").first ?? ""
                return Self.quoted(String(part), "\"").map { (suite, $0) }
            }
        }

        private static func quoted(_ text: String, _ mark: Character) -> [String] {
            let parts = text.split(separator: mark, omittingEmptySubsequences: false)
            return parts.indices.filter { $0 % 2 == 1 }.map { String(parts[$0]) }
        }
    }

    private static func rows() throws -> [Row] {
        let text = try String(contentsOf: Self.root.appending(path: "THREAT_MODEL.md"), encoding: .utf8)
        return text.split(separator: "\n").filter { $0.hasPrefix("| ") && !$0.hasPrefix("| It tries") }.map { line in
            let cells = line.dropFirst(2).split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            return Row(cells: cells.filter { !$0.isEmpty })
        }
    }

    private static func files(under folder: String) throws -> [(name: String, text: String)] {
        let url = Self.root.appending(path: folder)
        let files = FileManager.default.enumerator(at: url, includingPropertiesForKeys: nil)
        return try (files?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }.map { file in
            (file.deletingPathExtension().lastPathComponent, try String(contentsOf: file, encoding: .utf8))
        }
    }

    @Test func `every row has a bound, a constant that exists and a test that exists`() throws {
        let rows = try Self.rows()
        #expect(rows.count > 20)
        let sources = try Self.files(under: "Sources").map(\.text).joined(separator: "\n")
        let words = Set(sources.split { !$0.isLetter && !$0.isNumber }.map(String.init))
        // A suite may go on in files of its topics, such as `SessionLedgerTests+Queue`.
        let suites = Dictionary(grouping: try Self.files(under: "Tests")) { $0.name.prefix { $0 != "+" } }
        for row in rows {
            try #require(row.cells.count == 4, "\(row.testDescription)")
            #expect(!row.constants.isEmpty && !row.tests.isEmpty, "\(row.testDescription)")
            for constant in row.constants {
                let name = String(constant.split(separator: ".").last ?? "")
                #expect(words.contains(name) && Self.declares(sources, name), "no constant \(constant)")
            }
            for test in row.tests {
                let exists = suites[test.suite[...], default: []].contains { $0.text.contains("func `\(test.name)`") }
                #expect(exists, "no test \(test.suite) \"\(test.name)\"")
            }
        }
    }

    private static func declares(_ sources: String, _ name: String) -> Bool {
        ["let \(name)", "var \(name)"].contains { declaration in
            [" ", ":", "\n"].contains { sources.contains(declaration + $0) }
        }
    }
}
