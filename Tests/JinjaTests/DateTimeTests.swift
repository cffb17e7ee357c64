import Testing

@testable import Jinja

@Suite struct DateTimeTests {
    @Test(arguments: [
        (DateTime(year: 2024, month: 2, day: 29), "Thursday 060 08 09"),
        (DateTime(year: 2024, month: 12, day: 31), "Tuesday 366 52 53"),
        (DateTime(year: 2000, month: 1, day: 1), "Saturday 001 00 00"),
        (DateTime(year: 1900, month: 3, day: 1), "Thursday 060 08 09"),
        (DateTime(year: 2026, month: 11, day: 21), "Saturday 325 46 46"),
    ])
    func `days and weeks are counted through leap years`(date: DateTime, text: String) {
        #expect(date.formatted("%A %j %U %W") == text)
    }

    @Test func `twelve hours begin and end at twelve`() {
        let hours = [0, 1, 11, 12, 13, 23].map { DateTime(year: 2025, month: 1, day: 1, hour: $0).formatted("%I%p") }
        #expect(hours == ["12AM", "01AM", "11AM", "12PM", "01PM", "11PM"])
    }

    @Test func `what is not known stays as it is written`() {
        #expect(DateTime.sample.formatted("%Q %-Q %") == "%Q %-Q %")
        #expect(DateTime(year: 2025, month: 13, day: 1).formatted("%B") == "December")
    }
}
