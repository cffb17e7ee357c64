import Testing

@testable import ShardProtocol

@Suite struct PrintableTextTests {
    @Test(arguments: ["\u{1b}[2J", "a\nb", "\u{202e}txt.exe", "\u{7}", "\u{1f}", "a\u{7f}", "\u{2028}"])
    func `text that a terminal would obey is not printable`(text: String) {
        #expect(!text.isPrintable)
        #expect(text.printable.isPrintable)
    }

    @Test(arguments: ["Llama-3.1 — 名前 é", " ~", ""])
    func `names of any script are`(name: String) {
        #expect(name.isPrintable)
        #expect(name.printable == name)
    }
}
