import System

/// A date of HTTP (RFC 9110, section 5.6.7): whole seconds since 1970, by the proleptic Gregorian calendar.
///
/// `Mon, 01 Jan 0001 00:00:00 GMT`, with which the Go peer asks for everything, is a valid date long before 1970.
public struct HTTPDate: Equatable, Sendable {
    /// Seconds since 1970, negative before.
    public let seconds: Int64

    public init(seconds: Int64) { self.seconds = seconds }

    /// The whole second in which a time lies. `nanoseconds` count from 1970.
    public init(nanoseconds: Int64) {
        let quotient = nanoseconds / nanosecondsPerSecond
        seconds = nanoseconds % nanosecondsPerSecond < 0 ? quotient - 1 : quotient
    }

    /// Octets of the form that is written.
    public static let count = 29

    /// Writes the preferred form, IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT". `out` has at least 29 octets;
    /// a year beyond 9999 is written as 9999.
    public func write(to out: UnsafeMutableRawBufferPointer) {
        var days = seconds / 86_400, rest = seconds % 86_400
        if rest < 0 { rest += 86_400; days -= 1 }
        let (year, month, day) = HTTPDate.civil(days)
        let weekday = Int(((days + 4) % 7 + 7) % 7) // 1 January 1970 was a Thursday
        copy("SunMonTueWedThuFriSat", at: weekday * 3, 3, to: out, 0)
        copy(",  ", at: 0, 2, to: out, 3)
        digits(Int64(day), 2, to: out, 5)
        out[7] = 0x20
        copy(HTTPDate.months, at: (month - 1) * 3, 3, to: out, 8)
        out[11] = 0x20
        digits(min(max(year, 0), 9999), 4, to: out, 12)
        out[16] = 0x20
        digits(rest / 3600, 2, to: out, 17)
        out[19] = 0x3A
        digits(rest / 60 % 60, 2, to: out, 20)
        out[22] = 0x3A
        digits(rest % 60, 2, to: out, 23)
        copy(" GMT", at: 0, 4, to: out, 25)
    }

    /// Parses any of the three forms (IMF-fixdate, RFC 850, asctime); nil when it is none, or not a day of the calendar.
    ///
    /// - Parameter now: for the two-digit years of RFC 850: more than 50 years ahead of it means the past.
    public init?(_ text: UnsafeRawBufferPointer, now: HTTPDate) {
        var reader = DateReader(text)
        guard let fields = reader.read(now: now) else { return nil }
        guard fields.hour <= 23, fields.minute <= 59, fields.second <= 60, fields.day >= 1,
              fields.day <= HTTPDate.days(in: fields.month, of: fields.year) else { return nil }
        let days = HTTPDate.days(to: Int64(fields.year), fields.month, fields.day)
        // A leap second is the last second of its minute here: POSIX time has none.
        seconds = days * 86_400 + Int64(fields.hour * 3600 + fields.minute * 60 + min(fields.second, 59))
    }

    static var months: StaticString { "JanFebMarAprMayJunJulAugSepOctNovDec" }

    private func copy(_ text: StaticString, at start: Int, _ count: Int, to out: UnsafeMutableRawBufferPointer, _ position: Int) {
        for index in 0..<count { out[position + index] = text.utf8Start[start + index] }
    }

    private func digits(_ value: Int64, _ count: Int, to out: UnsafeMutableRawBufferPointer, _ position: Int) {
        var rest = value
        var index = count
        while index > 0 {
            index -= 1
            out[position + index] = UInt8(0x30 + rest % 10)
            rest /= 10
        }
    }

    // MARK: Calendar. Years begin in March here, so that the leap day is the last of its year.

    /// The date `days` after 1 January 1970.
    static func civil(_ days: Int64) -> (year: Int64, month: Int, day: Int) {
        let shifted = days + 719_468 // days since 1 March of year 0
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1))
    }

    /// Days from 1 January 1970 to a date.
    static func days(to year: Int64, _ month: Int, _ day: Int) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
