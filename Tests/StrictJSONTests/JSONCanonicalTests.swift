import Testing

@testable import StrictJSON

@Suite struct JSONCanonicalTests {
    private func canonical(_ text: String) throws -> String {
        String(decoding: try JSON(parsing: text.utf8).canonicalBytes, as: UTF8.self)
    }

    @Test func `has one text for documents that mean the same`() throws {
        let text = #"{"a":[1,-2,0.1,true,null],"b":"é\"\\\u000a\u001f"}"#
        #expect(try self.canonical(text) == text)
        #expect(try self.canonical(#" { "b" : "\u00e9\"\\\n\u001F", "a":[1,-2,1e-1,true , null] } "#) == text)
    }

    @Test func `writes numbers as their kind has them`() throws {
        let text = #"[1.0, 10, -0, 1E2, 1e-05, 1e16, 9223372036854775807, "\ud83d\ude00\/"]"#
        #expect(try self.canonical(text) == #"[1.0,10,0,100.0,1e-05,1e+16,9223372036854775807,"😀/"]"#)
    }

    @Test func `sorts keys by their bytes`() throws {
        let sorted = "{\"\":5,\"Z\":4,\"e\u{301}\":3,\"z\":2,\"\u{e9}\":1}"
        #expect(Array(try self.canonical(#"{"\u00e9":1,"z":2,"e\u0301":3,"Z":4,"":5}"#).utf8) == Array(sorted.utf8))
        let json = JSON.object([.init("b", .integer(1)), .init("a", .real(2))])
        #expect(json.canonicalBytes == Array(#"{"a":2.0,"b":1}"#.utf8))
    }
}
