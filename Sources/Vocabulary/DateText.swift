import System

extension Array where Element == UInt8 {
    /// Appends nanoseconds since 1970 as a date and time of RFC 3339 in UTC with milliseconds, cut off, not rounded:
    /// 2026-11-21T10:35:20.123Z. A time before 1970 is written as its beginning, the last that fits is in 2262.
    mutating func append(date nanoseconds: Int64) {
        let milliseconds = UInt64(nanoseconds < 0 ? 0 : nanoseconds) / 1_000_000
        let seconds = milliseconds / 1000
        let (year, month, day) = civilDate(daysSince1970: seconds / 86_400)
        append(decimal: year, width: 4)
        append(0x2D)
        append(decimal: month, width: 2)
        append(0x2D)
        append(decimal: day, width: 2)
        append(0x54)
        append(decimal: seconds / 3600 % 24, width: 2)
        append(0x3A)
        append(decimal: seconds / 60 % 60, width: 2)
        append(0x3A)
        append(decimal: seconds % 60, width: 2)
        append(0x2E)
        append(decimal: milliseconds % 1000, width: 3)
        append(0x5A)
    }
}

/// The Gregorian date so many days after 1 January 1970. Years are counted from March, so that the leap day is the
/// last of its year and the months before it have a regular length: 153 days in every five.
private func civilDate(daysSince1970 days: UInt64) -> (year: UInt64, month: UInt64, day: UInt64) {
    let daysInEra: UInt64 = 146_097 // 400 years
    let since = days + 719_468 // days since 1 March of the year 0
    let era = since / daysInEra
    let dayOfEra = since % daysInEra
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
}
