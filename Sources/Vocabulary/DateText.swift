import System

extension Array where Element == UInt8 {
    /// Appends nanoseconds since 1970 as a date and time of RFC 3339 in UTC with milliseconds, cut off, not rounded:
    /// 2026-11-21T10:35:20.123Z. A time before 1970 is written as its beginning, the last that fits is in 2262.
    package mutating func append(date nanoseconds: Int64) {
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

/// Reads a date and time of RFC 3339 in UTC, as `append(date:)` writes it, with 0 to 9 digits of a second's fraction: milliseconds
/// since 1970, further digits cut off. Nil for anything else, before 1970 and after 9999 too.
public func milliseconds(ofDate text: [UInt8]) -> Int64? {
    let form = Array<UInt8>("0000-00-00T00:00:00")
    guard text.count > form.count, text.last == 0x5A else { return nil }
    for (octet, expected) in zip(text, form) {
        guard expected == 0x30 ? octet >= 0x30 && octet <= 0x39 : octet == expected else { return nil }
    }
    func number(_ start: Int, _ count: Int) -> Int64 { text[start..<start + count].reduce(0) { $0 * 10 + Int64($1) - 0x30 } }
    let year = number(0, 4), month = number(5, 2), day = number(8, 2), hour = number(11, 2), minute = number(14, 2), second = number(17, 2)
    guard year >= 1970, month >= 1, month <= 12, day >= 1, hour < 24, minute < 60, second < 60 else { return nil }
    // The inverse of `civilDate`; a day that the month has not becomes one of the next month.
    let fromMarch = (month + 9) % 12, marchYear = month < 3 ? year - 1 : year
    let days = marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + (153 * fromMarch + 2) / 5 + day - 1 - 719_468
    guard civilDate(daysSince1970: UInt64(days)) == (UInt64(year), UInt64(month), UInt64(day)) else { return nil }
    guard let fraction = fraction(text[form.count..<text.count - 1]) else { return nil }
    return (days * 86_400 + hour * 3600 + minute * 60 + second) * 1000 + fraction
}

/// ".123456" in milliseconds.
private func fraction(_ text: ArraySlice<UInt8>) -> Int64? {
    if text.isEmpty { return 0 }
    guard text.first == 0x2E, text.count >= 2, text.count <= 10 else { return nil }
    var value: Int64 = 0, unit: Int64 = 100
    for digit in text.dropFirst() {
        guard digit >= 0x30, digit <= 0x39 else { return nil }
        value += Int64(digit - 0x30) * unit
        unit /= 10
    }
    return value
}
