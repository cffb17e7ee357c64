import Foundation
import StrictJSON
import Testing

@testable import Jinja

@Suite(.enabled(if: GoldenChat.folder != nil, "needs the templates of real models in ../shared/testdata"))
struct GoldenChatTests {
    @Test(arguments: GoldenChat.names)
    func `a real model's template gives what transformers gives`(name: String) throws {
        let golden = try Fixtures.json(try #require(GoldenChat.folder) + "/\(name).json")
        let template = try Template(try #require(golden["template"]?.string))
        let clock = DateTime(year: 2025, month: 1, day: 15, hour: 12)
        for conversation in golden["cases"]?.array ?? [] {
            let name = conversation["name"]?.string ?? ""
            do {
                let text = try template.render(GoldenChat.variables(of: conversation, in: golden), now: clock)
                #expect(conversation["rendered"]?.string.map { Array($0.utf8) } == Array(text.utf8), "\(name): \(text)")
            } catch {
                let kind = error.code == .raised ? "TemplateError" : error.code == .type ? "TypeError" : "?"
                #expect(conversation["error"]?.string == "\(kind): \(error.message)", "\(name): \(error)")
            }
        }
    }
}

enum GoldenChat {
    static let folder: String? = {
        let path = URL(fileURLWithPath: #filePath).appending(path: "../../../../shared/testdata/golden_chat")
            .standardized.path
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    static let names: [String] = {
        let files = folder.flatMap { try? FileManager.default.contentsOfDirectory(atPath: $0) } ?? []
        return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
    }()

    static func variables(of conversation: JSON, in golden: JSON) -> [String: Value] {
        var variables: [String: Value] = ["tools": .none, "documents": .none]
        for name in ["messages", "tools", "add_generation_prompt"] {
            if let value = conversation[name] { variables[name] = Value(value) }
        }
        for name in ["bos_token", "eos_token"] { if let value = golden[name] { variables[name] = Value(value) } }
        for member in conversation["kwargs"]?.members ?? [] { variables[member.key] = Value(member.value) }
        return variables
    }
}
