import Testing

@testable import StrictJSON

@Suite struct JSONParsingTests {
    @Test func `reads every kind of value, members in the order of the file`() throws {
        let json = try JSON(parsing: #" {"z": [1, -2.5, true, false, null, "x"], "a": {}, "n": null} "#.utf8)
        #expect(json.members?.map(\.key) == ["z", "a", "n"])
        let values = try #require(json["z"]?.array)
        #expect(values.map(\.integer) == [1, nil, nil, nil, nil, nil])
        #expect(values.map(\.double) == [1, -2.5, nil, nil, nil, nil])
        #expect(values.map(\.bool) == [nil, nil, true, false, nil, nil])
        #expect(values.map(\.isNull) == [false, false, false, false, true, false])
        #expect(values.last?.string == "x")
        #expect(json["a"]?.members?.isEmpty == true)
        #expect(json["n"] == nil && json["absent"] == nil && json["z"]?["a"] == nil)
    }

    @Test(arguments: [
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), (#""\u00e9""#, "é"), (#""\ud83d\ude00""#, "😀"),
        (#""é😀""#, "é😀"), (#""a\u0000b""#, "a\0b"), (#""""#, ""),
    ]) func `undoes escapes`(text: String, expected: String) throws {
        #expect(try JSON(parsing: text.utf8).bytes == Array(expected.utf8))
    }

    @Test(arguments: [#"{"\u00e9":1,"e\u0301":2}"#, "{\"\u{e9}\":1,\"e\u{301}\":2}"])
    func `tells keys apart that Unicode considers equal`(text: String) throws {
        let json = try JSON(parsing: text.utf8)
        #expect(json.members?.count == 2)
        #expect(json["\u{e9}"]?.integer == 1)
        #expect(json["e\u{301}"]?.integer == 2)
    }

    @Test func `keeps integers beyond the reach of doubles`() throws {
        #expect(try JSON(parsing: "9007199254740993".utf8).integer == 9_007_199_254_740_993)
        #expect(try JSON(parsing: "-9223372036854775808".utf8).integer == .min)
        #expect(try JSON(parsing: "1e5".utf8).integer == nil)
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1,", "[1 2]", "{\"a\"}", "{\"a\" 1}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "{,}", "[1,]",
        "tru", "nul", "-", "01", "1.", ".5", "1e", "+1", "1e999", "9223372036854775808", "NaN", "Infinity", "1 1",
        "[1]]", "}", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
        "\"\\udc00\"", "\"\u{1}\"", "\"\n\"", "\u{FEFF}[]", "[]\0", "{\"a\\u0000\":1}",
    ]) func `refuses what is not JSON or cannot be held exactly`(text: String) {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: text.utf8) }
        #expect(error?.code == .invalid)
        #expect(error?.reason.isEmpty == false)
    }

    @Test func `refuses a key that occurs twice, and says where`() {
        let text = #"{"first": 0, "b": {"a": 1, "\u0061": 2}}"#
        let error = #expect(throws: JSONError.self) { try JSON(parsing: text.utf8) }
        #expect(error?.code == .invalid)
        #expect(error?.reason.contains("duplicate") == true)
        #expect((27...text.utf8.count).contains(error?.offset ?? 0))
    }

    @Test(arguments: [[0x22, 0xFF, 0x22], [0x22, 0x5C, 0x6E, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]])
    func `refuses bytes that are not UTF-8`(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSON(parsing: bytes) }
    }

    @Test func `survives any bytes`() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array(#"{}[]",:\u0e1 -.tfn"#.utf8) + [0xC3, 0xA9, 0xFF, 0]
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            guard let json = try? JSON(parsing: bytes) else { continue }
            let canonical = json.canonicalBytes
            #expect((try? JSON(parsing: canonical))?.canonicalBytes == canonical, "\(bytes)")
        }
    }
}
