/// Reads the three forms of a date octet by octet; anything unexpected ends in nil.
struct DateReader {
    struct Fields {
        var year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0
    }

    private let text: UnsafeRawBufferPointer
    private var position = 0

    init(_ text: UnsafeRawBufferPointer) { self.text = text }

    mutating func read(now: HTTPDate) -> Fields? {
        guard let wordLength = weekday() else { return nil }
        if wordLength == 3, take(0x20) { return asctime() }
        guard take(0x2C), take(0x20) else { return nil }
        return wordLength == 3 ? fixdate() : rfc850(now: now)
    }

    /// "06 Nov 1994 08:49:37 GMT"
    private mutating func fixdate() -> Fields? {
        guard let day = number(2), take(0x20), let month = month(), take(0x20), let year = number(4), take(0x20) else { return nil }
        return timeOfDay(Fields(year: year, month: month, day: day), zone: true)
    }

    /// "06-Nov-94 08:49:37 GMT"
    private mutating func rfc850(now: HTTPDate) -> Fields? {
        guard let day = number(2), take(0x2D), let month = month(), take(0x2D), let short = number(2), take(0x20) else { return nil }
        let current = Int(HTTPDate.civil(now.seconds / 86_400).year)
        var year = current - current % 100 + short
        if year > current + 50 { year -= 100 }
        return timeOfDay(Fields(year: year, month: month, day: day), zone: true)
    }

    /// "Nov  6 08:49:37 1994"
    private mutating func asctime() -> Fields? {
        guard let month = month(), take(0x20), let day = take(0x20) ? number(1) : number(2), take(0x20),
              var fields = timeOfDay(Fields(month: month, day: day), zone: false), take(0x20), let year = number(4) else { return nil }
        fields.year = year
        return position == text.count ? fields : nil
    }

    private mutating func timeOfDay(_ date: Fields, zone: Bool) -> Fields? {
        var fields = date
        guard let hour = number(2), take(0x3A), let minute = number(2), take(0x3A), let second = number(2) else { return nil }
        fields.hour = hour
        fields.minute = minute
        fields.second = second
        if zone { guard text.part(position, text.count).equalsIgnoringCase(" gmt") else { return nil } }
        return fields
    }

    /// The weekday's name, short or long; returns its length. Which day it is follows from the date.
    private mutating func weekday() -> Int? {
        var end = position
        while end < text.count, Characters.lowercase(text[end]) >= 0x61, Characters.lowercase(text[end]) <= 0x7A { end += 1 }
        let word = text.part(position, end)
        position = end
        let long: InlineArray<7, StaticString> = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
        for index in 0..<7 where word.equalsIgnoringCase(long[index]) { return word.count }
        guard word.count == 3 else { return nil }
        let short: StaticString = "sunmontuewedthufrisat"
        return index(of: word, in: short, count: 7) == nil ? nil : 3
    }

    private mutating func month() -> Int? {
        guard text.count - position >= 3, let index = index(of: text.part(position, position + 3), in: HTTPDate.months, count: 12) else { return nil }
        position += 3
        return index + 1
    }

    /// Which of the three-letter words run together in `words` this is, letters in either case.
    private func index(of word: UnsafeRawBufferPointer, in words: StaticString, count: Int) -> Int? {
        for candidate in 0..<count {
            var equal = true
            for letter in 0..<3 where Characters.lowercase(word[letter]) != Characters.lowercase(words.utf8Start[candidate * 3 + letter]) { equal = false }
            if equal { return candidate }
        }
        return nil
    }

    private mutating func number(_ digits: Int) -> Int? {
        guard text.count - position >= digits, let value = Characters.decimal(text.part(position, position + digits)) else { return nil }
        position += digits
        return Int(value)
    }

    private mutating func take(_ octet: UInt8) -> Bool {
        guard position < text.count, text[position] == octet else { return false }
        position += 1
        return true
    }
}
