import Testing

@testable import StrictJSON

@Suite struct LimitsTests {
    private func code(_ bytes: [UInt8]) -> JSONError.Code? {
        do {
            _ = try JSON(parsing: bytes)
            return nil
        } catch {
            return error.code
        }
    }

    private func repeated(_ text: String, _ count: Int) -> [UInt8] {
        Array(repeatElement(text.utf8, count: count).joined())
    }

    @Test(arguments: [("[", "]"), ("{\"a\":", "}")])
    func `nests as deep as its limit and no deeper`(opening: String, closing: String) {
        func nested(_ depth: Int) -> [UInt8] {
            self.repeated(opening, depth - 1) + Array("[]".utf8) + self.repeated(closing, depth - 1)
        }
        #expect(self.code(nested(Limits.depth)) == nil)
        #expect(self.code(nested(Limits.depth + 1)) == .tooLarge)
        #expect(self.code(self.repeated(opening, 1_000_000)) == .tooLarge)
    }

    @Test func `holds as many values as its limit and no more`() {
        let elements = self.repeated("0,", Limits.values - 2)
        #expect(self.code(Array("[".utf8) + elements + Array("0]".utf8)) == nil)
        #expect(self.code(Array("[0,".utf8) + elements + Array("0]".utf8)) == .tooLarge)
    }

    @Test func `takes as many bytes as its limit and no more`() {
        let full = Array("[]".utf8) + [UInt8](repeating: 0x20, count: Limits.bytes - 2)
        #expect(self.code(full) == nil)
        #expect(self.code(full + [0x20]) == .tooLarge)
    }

    @Test func `brackets and commas inside strings are not counted`() {
        let text = self.repeated("[{,\\\"", Limits.depth + 1)
        #expect(self.code([0x22] + text + [0x22]) == nil)
        #expect(self.code(Array(#"["a\\", "#.utf8) + self.repeated("[", Limits.depth)) == .tooLarge)
    }
}
