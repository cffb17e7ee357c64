import Foundation
import StrictJSON

/// A setting that would be passed over in silence is worse than none.
extension Settings {
    private enum Kind: String {
        case text = "a string"
        case number = "a number"
        case list = "an array of strings"
        case flag = "true or false"
    }

    private static func kind(of key: Key) -> Kind {
        switch key {
        case .bootstrap, .listen, .announce, .allow: .list
        case .context, .threads, .temperature, .seed, .maxTokens, .topK, .topP: .number
        case .noMDNS: .flag
        case .identity, .name, .model, .blocks, .quantize, .memory, .kvMemory, .dhtPrefix, .logLevel, .metricsPort:
            .text
        }
    }

    /// - Throws: ``UsageError`` naming the key and what belongs there.
    static func check(_ file: String) throws(UsageError) {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: file))
        } catch {
            throw UsageError("\(file) cannot be read: give yourself the right to read it, or move it away")
        }
        guard let members = try? JSON(parsing: Array(data)).members else {
            throw UsageError("\(file) is not a JSON object: mend it, or move it away")
        }
        for member in members.sorted(by: { $0.key < $1.key }) {
            let (name, value) = (member.key, member.value)
            guard let key = Key(rawValue: name) else {
                let known = Key.allCases.map(\.rawValue).sorted().joined(separator: ", ")
                throw UsageError("\(file) has the key \"\(name)\", which means nothing; known keys: \(known)")
            }
            let kind = Self.kind(of: key)
            let fits =
                switch kind {
                case .text: value.string != nil
                case .number: value.double != nil
                case .flag: value.bool != nil
                case .list: value.array?.allSatisfy { $0.string != nil } == true
                }
            guard fits else {
                throw UsageError("\(file) has something else than \(kind.rawValue) at \"\(name)\"")
            }
        }
    }

    /// - Throws: ``UsageError`` naming a variable that only looks like a setting.
    static func refuseUnknownVariables(in environment: [String: String]) throws(UsageError) {
        let known = Set(Key.allCases.map(\.variable))
        let stranger = environment.keys.filter { $0.hasPrefix("KWAAI_") && !known.contains($0) }.min()
        if let stranger {
            let list = known.sorted().joined(separator: ", ")
            throw UsageError("the environment variable \(stranger) means nothing; unset it; known are \(list)")
        }
    }
}
