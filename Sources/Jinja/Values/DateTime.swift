/// A moment as a wall clock shows it: what `strftime_now` formats.
package struct DateTime: Hashable, Sendable {
    package var year: Int
    /// From 1.
    package var month: Int
    /// From 1.
    package var day: Int
    package var hour: Int
    package var minute: Int
    package var second: Int

    package init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        self.year = year
        self.month = min(max(month, 1), 12)
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
    }
}

extension DateTime {
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    /// Days before this month in a year that is none of the leap years.
    private static let daysBefore = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]

    private var isLeapYear: Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    /// From 1.
    private var dayOfYear: Int { Self.daysBefore[month - 1] + day + (month > 2 && isLeapYear ? 1 : 0) }

    /// From Sunday, which is 0.
    private var weekday: Int {
        let before = year - 1
        let days = before * 365 + before / 4 - before / 100 + before / 400 + dayOfYear
        return (days % 7 + 7) % 7
    }

    /// As C's `strftime` in the C locale; what it does not know stays as it is written.
    func formatted(_ format: String) -> String {
        var result = ""
        var rest = Substring(format)
        while let character = rest.popFirst() {
            guard character == "%" else {
                result.append(character)
                continue
            }
            let flag = rest.first == "-" || rest.first == "_" || rest.first == "0" ? rest.popFirst() : nil
            guard let directive = rest.popFirst() else {
                result += "%" + (flag.map(String.init) ?? "")
                break
            }
            result += text(of: directive, flag: flag) ?? "%\(flag.map(String.init) ?? "")\(directive)"
        }
        return result
    }

    private func text(of directive: Character, flag: Character?) -> String? {
        switch directive {
        case "a": String(Self.weekdays[weekday].prefix(3))
        case "A": Self.weekdays[weekday]
        case "b", "h": String(Self.months[month - 1].prefix(3))
        case "B": Self.months[month - 1]
        case "c": formatted("%a %b %e %H:%M:%S %Y")
        case "D", "x": formatted("%m/%d/%y")
        case "F": formatted("%Y-%m-%d")
        case "R": formatted("%H:%M")
        case "T", "X": formatted("%H:%M:%S")
        case "r": formatted("%I:%M:%S %p")
        case "p": hour < 12 ? "AM" : "PM"
        case "P": hour < 12 ? "am" : "pm"
        case "f": "000000"
        case "Z", "z": ""
        case "n": "\n"
        case "t": "\t"
        case "%": "%"
        case _: number(of: directive, flag: flag)
        }
    }

    private func number(of directive: Character, flag: Character?) -> String? {
        let (value, width, pad): (Int, Int, Character)
        switch directive {
        case "d": (value, width, pad) = (day, 2, "0")
        case "e": (value, width, pad) = (day, 2, " ")
        case "m": (value, width, pad) = (month, 2, "0")
        case "y": (value, width, pad) = (year % 100, 2, "0")
        case "Y": (value, width, pad) = (year, 1, "0")
        case "C": (value, width, pad) = (year / 100, 2, "0")
        case "H": (value, width, pad) = (hour, 2, "0")
        case "k": (value, width, pad) = (hour, 2, " ")
        case "I": (value, width, pad) = ((hour + 11) % 12 + 1, 2, "0")
        case "l": (value, width, pad) = ((hour + 11) % 12 + 1, 2, " ")
        case "M": (value, width, pad) = (minute, 2, "0")
        case "S": (value, width, pad) = (second, 2, "0")
        case "j": (value, width, pad) = (dayOfYear, 3, "0")
        case "u": (value, width, pad) = (weekday == 0 ? 7 : weekday, 1, "0")
        case "w": (value, width, pad) = (weekday, 1, "0")
        case "U": (value, width, pad) = ((dayOfYear + 6 - weekday) / 7, 2, "0")
        case "W": (value, width, pad) = ((dayOfYear + 6 - (weekday + 6) % 7) / 7, 2, "0")
        case _: return nil
        }
        let digits = String(value)
        if flag == "-" { return digits }
        let filler = flag == "_" ? " " : flag == "0" ? "0" : pad
        return String(repeating: filler, count: max(0, width - digits.count)) + digits
    }
}
