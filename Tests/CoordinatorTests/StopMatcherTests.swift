import Testing

@testable import Coordinator

@Suite struct StopMatcherTests {
    @Test func `passes text through when there is nothing to stop at`() {
        var matcher = StopMatcher(stops: [])
        #expect(matcher.append("Once ") == .init(text: "Once ", stopped: false))
        #expect(matcher.finish() == "")
    }

    @Test func `holds back what may be the beginning of a stop string`() {
        var matcher = StopMatcher(stops: ["END"])
        #expect(matcher.append("the E") == .init(text: "the ", stopped: false))
        #expect(matcher.append("N") == .init(text: "", stopped: false))
        #expect(matcher.append("ough") == .init(text: "ENough", stopped: false))
    }

    @Test func `stops at a string that came in pieces and shows nothing of it`() {
        var matcher = StopMatcher(stops: ["END"])
        #expect(matcher.append("a E") == .init(text: "a ", stopped: false))
        #expect(matcher.append("ND b") == .init(text: "", stopped: true))
    }

    @Test func `stops at whichever string comes first`() {
        var matcher = StopMatcher(stops: ["two", "one"])
        #expect(matcher.append("0 one two") == .init(text: "0 ", stopped: true))
    }

    @Test func `shows what was held back when the text ends otherwise`() {
        var matcher = StopMatcher(stops: ["\n\n"])
        #expect(matcher.append("end\n") == .init(text: "end", stopped: false))
        #expect(matcher.finish() == "\n")
    }

    @Test func `finds a stop string that overlaps a false start`() {
        var matcher = StopMatcher(stops: ["aab"])
        #expect(matcher.append("a") == .init(text: "", stopped: false))
        #expect(matcher.append("a") == .init(text: "", stopped: false))
        #expect(matcher.append("a") == .init(text: "a", stopped: false))
        #expect(matcher.append("b!") == .init(text: "", stopped: true))
    }
}
