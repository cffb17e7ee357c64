import Testing

@testable import Model

@Suite struct JSONTests {
    private func canonical(_ text: String) throws -> String {
        String(decoding: try JSON(parsing: Array(text.utf8)).canonicalBytes, as: UTF8.self)
    }

    @Test func `has one canonical text for documents that mean the same`() throws {
        let text = #"{"a":[1,-2,0.1,true,null],"b":"é\"\\\u000a"}"#
        #expect(try self.canonical(text) == text)
        #expect(try self.canonical(#" { "b" : "\u00e9\"\\\n", "a":[1,-2,1e-1,true , null] } "#) == text)
        #expect(try self.canonical(#"[1.0, 10, -0, 1E2, "\ud83d\ude00\/"]"#) == #"[1.0,10,0,100.0,"😀/"]"#)
    }

    @Test func `tells strings apart that Unicode considers equal`() throws {
        let json = try JSON(parsing: Array(#"{"\u00e9":1,"e\u0301":2}"#.utf8))
        #expect(json.members?.count == 2)
        #expect(json["\u{e9}"]?.integer == 1)
        #expect(json["e\u{301}"]?.integer == 2)
    }

    @Test func `keeps integers beyond the reach of doubles`() throws {
        #expect(try JSON(parsing: Array("9007199254740993".utf8)).integer == 9_007_199_254_740_993)
        #expect(try JSON(parsing: Array("1e5".utf8)).integer == nil)
        #expect(try JSON(parsing: Array("1e999".utf8)).double == nil)
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1,", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "[1,]", "tru", "nul", "-",
        "01",
        "1.", ".5", "1e", "+1", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"", "\"\u{1}\"", "1 1", "{\"a\":1,\"a\":2}", "[1]]", "NaN", "Infinity",
    ]) func `refuses what is not JSON`(text: String) {
        #expect(throws: JSONError.self) { try JSON(parsing: Array(text.utf8)) }
    }

    @Test func `refuses bytes that are not UTF-8`() {
        #expect(throws: JSONError.self) { try JSON(parsing: [0x22, 0xFF, 0x22]) }
        #expect(throws: JSONError.self) { try JSON(parsing: [0x22, 0x5C, 0x6E, 0xC3, 0x22]) }
    }

    @Test func `nests as deep as its limit and no deeper`() throws {
        let depth = Limits.jsonDepth
        func nested(_ depth: Int) -> [UInt8] {
            [UInt8](repeating: UInt8(ascii: "["), count: depth) + [UInt8](repeating: UInt8(ascii: "]"), count: depth)
        }
        _ = try JSON(parsing: nested(depth))
        #expect(throws: JSONError.self) { try JSON(parsing: nested(depth + 1)) }
    }

    @Test func `survives any bytes`() {
        var random = RandomNumbers(seed: 10)
        let alphabet = Array(#"{}[]",:\u0e1 -.tfn"#.utf8) + [0xC3, 0xA9, 0xFF]
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            guard let json = try? JSON(parsing: bytes) else { continue }
            let canonical = json.canonicalBytes
            #expect((try? JSON(parsing: canonical))?.canonicalBytes == canonical)
        }
    }

    @Test func `hexadecimal goes both ways`() {
        #expect([UInt8](hex: "00ff1A") == [0, 255, 26])
        #expect([0, 255, 26].hex == "00ff1a")
        #expect([UInt8](hex: "0") == nil)
        #expect([UInt8](hex: "0g") == nil)
    }
}
