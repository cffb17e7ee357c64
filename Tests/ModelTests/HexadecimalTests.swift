import Testing

@testable import Model

@Suite struct HexadecimalTests {
    @Test func `goes both ways and refuses what is none`() {
        #expect([UInt8](hex: "00ff1A") == [0, 255, 26])
        #expect([0, 255, 26].hex == "00ff1a")
        #expect([UInt8](hex: "0") == nil)
        #expect([UInt8](hex: "0g") == nil)
    }
}
