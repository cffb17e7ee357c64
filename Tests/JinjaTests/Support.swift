import Foundation
import StrictJSON

@testable import Jinja

extension Value {
    /// A document as Python's `json` module gives it to a template.
    init(_ json: JSON) {
        switch json {
        case .null: self = .none
        case .bool(let flag): self = .boolean(flag)
        case .integer(let number): self = .integer(number)
        case .real(let number): self = .float(number)
        case .string(let text): self = .string(text)
        case .array(let elements): self = .list(List(elements.map(Value.init)))
        case .object(let members): self = .dictionary(Mapping(members.map { (key: $0.key, value: Value($0.value)) }))
        }
    }
}

/// What a template gives with these variables.
func render(_ source: String, _ variables: [String: Value] = [:], budget: Budget = Budget()) throws(JinjaError)
    -> String
{
    try Template(source).render(variables, now: .sample, budget: budget)
}

/// The error that a template ends in.
func failure(_ source: String, _ variables: [String: Value] = [:], budget: Budget = Budget()) -> JinjaError? {
    do {
        _ = try render(source, variables, budget: budget)
        return nil
    } catch {
        return error
    }
}

extension DateTime {
    /// A Sunday.
    static let sample = DateTime(year: 2025, month: 1, day: 5, hour: 15, minute: 7, second: 9)
}

enum Fixtures {
    static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures"

    static func json(_ path: String) throws -> JSON {
        try JSON(parsing: try Data(contentsOf: URL(fileURLWithPath: path)))
    }
}
